// Everything put together.
const PICK_MARGIN = 50; // pixels around the neighbours of a word that was picked
const PICK_SHARE = 0.8; // of the neighbours lies on the screen
const PICK_SURROUNDINGS = 1.3; // how much farther than its neighbours one sees, to know where one is
const CLOSEST_PICK = 40; // times the scale that shows everything
const NARROW = window.matchMedia("(max-width: 640px)"); // as in page.css

const canvas = document.getElementById("map");
const camera = new Camera(() => drawing.request());
const drawing = new Drawing(canvas, camera);

// Which rims of the screen the cards lie on, in pixels.
function measureCovered() {
  const header = document.querySelector("h1").parentElement.getBoundingClientRect();
  const card = document.getElementById("details");
  const covered = { left: 0, right: 0, top: 0, bottom: 0 };
  if (NARROW.matches) {
    covered.top = header.bottom;
    covered.bottom = card.hidden ? 0 : window.innerHeight - card.getBoundingClientRect().top;
  } else {
    covered.right = card.hidden ? 0 : window.innerWidth - card.getBoundingClientRect().left;
  }
  camera.covered = covered;
}

function resize() {
  drawing.resize();
  measureCovered();
  camera.resize(window.innerWidth, window.innerHeight);
}

// A word and its neighbours, as large as fits, the word in the middle. One far neighbour in five may lie outside, where
// its line points: it would make the others a heap.
function viewOfNeighbourhood(word) {
  const x = worldX[word], y = worldY[word];
  const reaches = neighboursOf(word)
    .map(({ word: other }) => ({ across: Math.abs(worldX[other] - x), up: Math.abs(worldY[other] - y) }))
    .sort((one, other) => Math.max(one.across, one.up) - Math.max(other.across, other.up));
  let across = 0, up = 0;
  for (const reach of reaches.slice(0, Math.ceil(reaches.length * PICK_SHARE))) {
    across = Math.max(across, reach.across * PICK_SURROUNDINGS);
    up = Math.max(up, reach.up * PICK_SURROUNDINGS);
  }
  const view = camera.viewOf({ left: x - across, right: x + across, bottom: y - up, top: y + up }, PICK_MARGIN);
  const everything = camera.everything.scale;
  return camera.centred(x, y, Math.min(Math.max(view.scale, everything), everything * CLOSEST_PICK));
}

function pick(word, { animated = true } = {}) {
  if (word !== NONE || drawing.selected !== NONE) history.replaceState(null, "", word === NONE ? " " : addressOf(word));
  drawing.selected = word;
  hover(NONE);
  showDetails(word, pick);
  measureCovered();
  if (word !== NONE) camera.flyTo(viewOfNeighbourhood(word), animated);
  drawing.request();
}

function hover(word, screenX, screenY) {
  canvas.classList.toggle("on-word", word !== NONE);
  showNote(word === drawing.selected ? NONE : word, screenX, screenY);
  if (word === drawing.hovered) return;
  drawing.hovered = word;
  drawing.request();
}

// The part of the address after the # names the word that is picked, so that a view can be linked to.
function addressOf(word) {
  return "#" + encodeURIComponent(words[word].toWellFormed?.() ?? words[word]);
}

function pickFromAddress(animated) {
  let name = location.hash.slice(1);
  try {
    name = decodeURIComponent(name);
  } catch {
    // not encoded: taken as it stands
  }
  const word = words.indexOf(name);
  if (name !== "" && word >= 0) pick(word, { animated });
}

const field = listenToSearch(pick);
listenToHands(canvas, camera, drawing, { pick, hover, find: () => field.focus() });
document.getElementById("details-close").addEventListener("click", () => {
  pick(NONE);
  canvas.focus();
});
window.addEventListener("resize", resize);
window.addEventListener("hashchange", () => pickFromAddress(true));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawing.useLight());
canvas.setAttribute("aria-label", `Map of ${numWords.toLocaleString("en")} words`);
resize();
camera.showEverything(false);
pickFromAddress(false);
