// Words about words: the card of the one that was picked, the note beside the one under the pointer.
const NOTE_GAP = 16; // pixels between the pointer and its note

function say(text) {
  document.getElementById("status").textContent = text;
}

function showDetails(word, pick) {
  const card = document.getElementById("details");
  card.hidden = word === NONE;
  document.body.classList.toggle("with-details", word !== NONE);
  if (word === NONE) return;
  document.getElementById("details-word").textContent = visibleName(word);
  document.getElementById("details-count").textContent = describeCount(word);
  const near = neighboursOf(word);
  const items = near.map(({ word: other, cosine }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.style.setProperty("--cosine", Math.max(0, cosine));
    const name = document.createElement("bdi");
    name.textContent = visibleName(other);
    const number = document.createElement("small");
    number.textContent = cosine.toFixed(2);
    button.append(name, number);
    button.addEventListener("click", () => pick(other));
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  document.getElementById("details-neighbours").replaceChildren(...items);
  card.scrollTop = 0;
  const names = near.map(({ word: other }) => visibleName(other));
  say(`${visibleName(word)}, ${describeCount(word)}. ${names.length > 0 ? "Nearest: " + names.join(", ") : "No neighbours"}`);
}

function showNote(word, screenX, screenY) {
  const note = document.getElementById("tooltip");
  note.hidden = word === NONE;
  if (word === NONE) return;
  const name = document.createElement("strong");
  name.dir = "auto";
  name.textContent = visibleName(word);
  const count = document.createElement("span");
  count.textContent = describeCount(word);
  const near = document.createElement("p");
  neighboursOf(word).forEach(({ word: other }, i) => {
    const one = document.createElement("bdi"); // names written from right to left must not change the order
    one.textContent = visibleName(other);
    near.append(i > 0 ? " · " : "", one);
  });
  note.replaceChildren(name, document.createElement("br"), count, near);
  const right = screenX + NOTE_GAP, below = screenY + NOTE_GAP;
  const x = right + note.offsetWidth < window.innerWidth ? right : Math.max(0, screenX - NOTE_GAP - note.offsetWidth);
  const y = below + note.offsetHeight < window.innerHeight ? below : Math.max(0, screenY - NOTE_GAP - note.offsetHeight);
  note.style.transform = `translate(${x}px, ${y}px)`;
}
