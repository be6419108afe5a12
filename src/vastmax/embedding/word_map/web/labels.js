// Which names are written. Each word has one scale from which on its name is shown; it is worked out once. So names
// never cover each other, never flicker while the map is moved, and never vanish again as one comes nearer.
const FONT_FAMILY = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const SMALLEST_TEXT = 11.5, LARGEST_TEXT = 24; // pixels: the rarest and the most frequent word
const NARROW_SCREEN = 640, NARROW_SHARE = 0.88; // text is smaller there
const ROOM_ACROSS = 5, ROOM_DOWN = 2.5; // pixels kept free on each side of a name

const textShare = Math.min(window.innerWidth, window.innerHeight) < NARROW_SCREEN ? NARROW_SHARE : 1;
const textSizes = new Float32Array(numWords);
const halfWidths = new Float32Array(numWords); // of the name with its room, in pixels
const halfHeights = new Float32Array(numWords);
const names = new Array(numWords);

function fontOf(size, weight = 500) {
  return `${weight} ${size}px ${FONT_FAMILY}`;
}

function measureNames(context) {
  let current = "";
  for (let word = 0; word < numWords; word++) {
    names[word] = mapName(word);
    // Text shrinks with the logarithm of the rank, as counts do.
    const rarity = Math.log1p(word / 6) / Math.log1p(Math.max(numWords, 300) / 6);
    textSizes[word] = Math.round((LARGEST_TEXT + (SMALLEST_TEXT - LARGEST_TEXT) * rarity) * textShare * 2) / 2;
    const font = fontOf(textSizes[word]);
    if (font !== current) context.font = current = font;
    halfWidths[word] = context.measureText(names[word]).width / 2 + ROOM_ACROSS;
    halfHeights[word] = textSizes[word] * 0.6 + ROOM_DOWN;
  }
}

// The scale from which on each name is shown, (numWords,).
//
// Two names that stand on their dots part at the scale c = min(width / |dx|, height / |dy|), taken over halves of their
// boxes. Going through the words by frequency, a name is shown from the largest c with an earlier name on, where those
// that are themselves shown only from their c on do not count: at any scale at which both are shown, they have parted.
//
// Earlier words are looked for in rings of the cells of a grid around the word. A ring that lies r cells away holds no
// c above (largest box) / (r cells), so most searches end after a few rings.
function scalesOfAppearance() {
  const appears = new Float32Array(numWords);
  const widest = halfWidths.reduce((a, b) => Math.max(a, b), 0);
  const highest = halfHeights.reduce((a, b) => Math.max(a, b), 0);
  // About two words a cell; cells as much wider than high as names are.
  const shape = 3;
  const down = Math.max(1, Math.ceil(Math.sqrt((numWords / 2) * shape)));
  const across = Math.max(1, Math.ceil(down / shape));
  const cellWidth = (extent.right - extent.left) / across || 1;
  const cellHeight = (extent.top - extent.bottom) / down || 1;
  const firstIn = new Int32Array(across * down).fill(NONE); // cells as linked lists, latest word first
  const nextIn = new Int32Array(numWords);

  for (let word = 0; word < numWords; word++) {
    const x = worldX[word], y = worldY[word];
    const column = Math.min(across - 1, Math.floor((x - extent.left) / cellWidth));
    const row = Math.min(down - 1, Math.floor((y - extent.bottom) / cellHeight));
    let latest = 0;
    const lookInto = (cell) => {
      for (let other = firstIn[cell]; other !== NONE; other = nextIn[other]) {
        const parted = Math.min(
          (halfWidths[word] + halfWidths[other]) / Math.abs(x - worldX[other]),
          (halfHeights[word] + halfHeights[other]) / Math.abs(y - worldY[other]),
        );
        if (parted > latest && appears[other] < parted) latest = parted;
      }
    };
    for (let ring = 0; ring < Math.max(across, down); ring++) {
      const gap = Math.max(0, ring - 1);
      const bound = Math.max(
        (halfWidths[word] + widest) / (gap * cellWidth),
        (halfHeights[word] + highest) / (gap * cellHeight),
      );
      if (bound <= latest) break;
      for (let r = Math.max(0, row - ring); r <= Math.min(down - 1, row + ring); r++) {
        const wholeRow = Math.abs(r - row) === ring;
        for (let c = column - ring; c <= column + ring; c += wholeRow || ring === 0 ? 1 : 2 * ring) {
          if (c >= 0 && c < across) lookInto(r * across + c);
        }
      }
    }
    appears[word] = latest;
    nextIn[word] = firstIn[row * across + column];
    firstIn[row * across + column] = word;
  }
  return appears;
}
