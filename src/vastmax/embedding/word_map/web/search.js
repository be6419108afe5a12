// The field that finds words: whole words first, then beginnings, then parts, each by frequency; case and accents do
// not matter unless they tell two words apart.
const MOST_SUGGESTIONS = 8;

function folded(text) {
  return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase().trim();
}

let foldedWords = null; // made at the first search

function wordsLike(text) {
  const asked = folded(text);
  if (asked === "") return [];
  foldedWords ??= words.map(folded);
  const kinds = [[], [], [], []]; // exactly so, the same but for case and accents, beginning, part
  for (let word = 0; word < numWords; word++) {
    const at = foldedWords[word].indexOf(asked);
    if (at < 0) continue;
    const kind = words[word] === text.trim() ? 0 : foldedWords[word] === asked ? 1 : at === 0 ? 2 : 3;
    if (kinds[kind].length < MOST_SUGGESTIONS) kinds[kind].push(word);
  }
  return kinds.flat().slice(0, MOST_SUGGESTIONS);
}

function listenToSearch(pick) {
  const field = document.getElementById("search");
  const list = document.getElementById("suggestions");
  let found = [], chosen = NONE; // chosen: a place in found

  const close = () => {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };

  const choose = (place) => {
    chosen = place;
    Array.from(list.children).forEach((item, i) => item.setAttribute("aria-selected", String(i === chosen)));
    if (chosen === NONE) field.removeAttribute("aria-activedescendant");
    else field.setAttribute("aria-activedescendant", list.children[chosen].id);
  };

  const open = () => {
    found = wordsLike(field.value);
    list.replaceChildren(...found.map((word, i) => suggestion(word, i)));
    if (found.length === 0) {
      const nothing = document.createElement("li");
      nothing.className = "nothing";
      nothing.textContent = `none of these ${numWords.toLocaleString("en")} words`;
      list.append(nothing);
    }
    const asked = field.value.trim() !== "";
    list.hidden = !asked;
    field.setAttribute("aria-expanded", String(asked));
    choose(found.length > 0 ? 0 : NONE);
    say(!asked ? "" : found.length > 0 ? `${found.length} words found` : "no word found");
  };

  const take = (place) => {
    const word = found[place];
    if (word === undefined) return;
    field.value = words[word];
    close();
    pick(word);
  };

  field.addEventListener("input", open);
  field.addEventListener("focus", () => field.select());
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) {
      event.preventDefault();
      if (list.hidden) open();
      else if (found.length > 0) choose((chosen + moves[event.key] + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (list.hidden) open();
      take(Math.max(chosen, 0));
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (!list.hidden) close();
      else if (field.value !== "") field.value = "";
      else pick(NONE);
    }
  });
  // Before the field loses the focus, and with it the list.
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const item = event.target.closest("[role=option]");
    if (item !== null) take(Array.from(list.children).indexOf(item));
  });
  return field;
}

function suggestion(word, place) {
  const item = document.createElement("li");
  item.id = `suggestion-${place}`;
  item.setAttribute("role", "option");
  const name = document.createElement("bdi");
  name.textContent = visibleName(word);
  const count = document.createElement("small");
  if (given.counts !== null) count.textContent = given.counts[word].toLocaleString("en");
  item.append(name, count);
  return item;
}
