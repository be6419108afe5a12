// Names beside what they name, none over another.
const LINE_HEIGHT = 14.5; // pixels between the lines of two names

// Heights for names in a column, each as near to where it wants to be as the others let it, between top and bottom.
function spread(wanted, top, bottom, gap = LINE_HEIGHT) {
  const order = wanted.map((_, i) => i).sort((one, other) => wanted[one] - wanted[other]);
  const step = Math.min(gap, (bottom - top) / Math.max(order.length - 1, 1));
  const block = members => {
    const mean = members.reduce((sum, member) => sum + wanted[member], 0) / members.length;
    const half = (step * (members.length - 1)) / 2;
    return { members, half, middle: Math.min(Math.max(mean, top + half), bottom - half) };
  };
  // Names that touch form a block around their mean; blocks that touch are joined.
  const blocks = [];
  for (const i of order) {
    let last = block([i]);
    while (blocks.length > 0) {
      const above = blocks[blocks.length - 1];
      if (above.middle + above.half + step <= last.middle - last.half + 1e-9) break;
      last = block([...blocks.pop().members, ...last.members]);
    }
    blocks.push(last);
  }
  const heights = [];
  for (const { members, half, middle } of blocks) {
    members.forEach((member, i) => { heights[member] = middle - half + step * i; });
  }
  return heights;
}

const DIRECTIONS = [0, 180, 315, 45, 225, 135, 270, 90].map(degrees => degrees * (Math.PI / 180));
const REACHES = [11, 20, 32, 46, 64, 84];

const overlap = (one, other) =>
  Math.max(0, Math.min(one.right, other.right) - Math.max(one.left, other.left)) *
  Math.max(0, Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top));

// A place for each name around its point that covers no mark, no name before it and no rim; null where there is none.
// `items`: {x, y, width, height}, those first that need their name most; the answer is boxes, with the reach they needed.
function placeAround(items, frame) {
  const marks = items.map(({ x, y }) => ({ left: x - 7, right: x + 7, top: y - 7, bottom: y + 7 }));
  const placed = [];
  const free = box => box.left >= frame.left && box.right <= frame.right && box.top >= frame.top - 8 &&
    box.bottom <= frame.bottom && [...marks, ...placed].every(other => other === null || overlap(box, other) < 0.5);
  for (const { x, y, width, height } of items) {
    let found = null;
    for (const reach of REACHES) {
      for (const direction of DIRECTIONS) {
        const towards = Math.cos(direction), down = Math.sin(direction);
        const left = x + reach * towards - (Math.abs(towards) < 0.1 ? width / 2 : towards < 0 ? width : 0);
        const top = y + reach * down - (Math.abs(down) < 0.1 ? height / 2 : down < 0 ? height : 0);
        const box = { left, top, right: left + width, bottom: top + height, reach };
        if (found === null && free(box)) found = box;
      }
    }
    placed.push(found);
  }
  return placed;
}
