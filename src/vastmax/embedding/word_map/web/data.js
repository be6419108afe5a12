// What the page knows: words in the order of their counts, their places, shades and neighbours. A word is named by its
// position in that order everywhere in this program.
const given = JSON.parse(document.getElementById("data").textContent);

function decoded(base64, ArrayType) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new ArrayType(bytes.buffer);
}

const NONE = -1;
const ABSENT = 0xffffffff; // no neighbour
const LONGEST_NAME = 32; // letters of a name on the map; lists show more

const words = given.words;
const numWords = words.length;
const worldX = decoded(given.x, Float32Array); // in the square from -1 to 1, up is up
const worldY = decoded(given.y, Float32Array);
const shades = decoded(given.shades, Uint8Array);
const neighbours = decoded(given.neighbours, Uint32Array);
const percentCosines = decoded(given.percentCosines, Int8Array);

// [{ word, cosine }], nearest first.
function neighboursOf(word) {
  const found = [];
  for (let i = word * given.neighboursEach; i < (word + 1) * given.neighboursEach; i++) {
    if (neighbours[i] !== ABSENT) found.push({ word: neighbours[i], cosine: percentCosines[i] / 100 });
  }
  return found;
}

// A word as it can be seen: one of blanks and invisible signs only is spelled out as code points.
function visibleName(word) {
  const text = words[word];
  if (/[^\p{C}\p{Z}\p{M}]/u.test(text)) return text;
  const points = Array.from(text, (sign) => "U+" + sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0"));
  return points.join(" ") || "(empty)";
}

function mapName(word) {
  const name = visibleName(word);
  if (name.length <= LONGEST_NAME) return name;
  const signs = Array.from(name); // whole signs: an emoji is not cut in two
  return signs.length <= LONGEST_NAME ? name : signs.slice(0, LONGEST_NAME - 1).join("") + "…";
}

function describeCount(word) {
  const place = (given.skipped + word + 1).toLocaleString("en");
  if (given.counts === null) return `no. ${place} in its file`;
  const count = given.counts[word];
  return `${count.toLocaleString("en")} ${count === 1 ? "time" : "times"} · no. ${place} by frequency`;
}
