// Pieces of drawings.
const SVG = "http://www.w3.org/2000/svg";
const MARK_SIZE = 4.2; // pixels from the middle

function draw(parent, name, attributes = {}, text = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

function markPath(mark, x, y, size = MARK_SIZE) {
  switch (mark) {
    case "square": return `M${x - size * 0.88} ${y - size * 0.88}h${1.76 * size}v${1.76 * size}h${-1.76 * size}z`;
    case "triangle": return `M${x} ${y - 1.2 * size}L${x + 1.15 * size} ${y + 0.85 * size}H${x - 1.15 * size}z`;
    case "diamond": return `M${x} ${y - 1.3 * size}L${x + 1.3 * size} ${y}L${x} ${y + 1.3 * size}L${x - 1.3 * size} ${y}z`;
    default: return `M${x - size} ${y}a${size} ${size} 0 1 0 ${2 * size} 0a${size} ${size} 0 1 0 ${-2 * size} 0z`;
  }
}

// A group that carries the colour of a method and steps back with it.
function groupOf(parent, method, kind) {
  const group = draw(parent, "g", { class: `${kind} family-${method.family}`, "data-method": method.name });
  group.classList.toggle("chosen", method.chosen);
  if (emphasised !== null) group.classList.add(emphasised === method ? "raised" : "faded");
  return group;
}

// Axes with their ticks, a grid and names; `across` and `up` are scales with a `format` beside them.
function drawAxes(svg, frame, across, up) {
  const grid = draw(svg, "g", { class: "grid", "aria-hidden": "true" });
  for (const { value, label } of up.ticks) {
    const y = Math.round(up.scale.at(value)) + 0.5;
    draw(grid, "line", { x1: frame.left, x2: frame.right, y1: y, y2: y });
    draw(grid, "text", { x: frame.left - 8, y: y + 4, "text-anchor": "end" }, label);
  }
  for (const { value, label } of across.ticks) {
    const x = Math.round(across.scale.at(value)) + 0.5;
    draw(grid, "line", { x1: x, x2: x, y1: frame.top, y2: frame.bottom });
    draw(grid, "text", { x, y: frame.bottom + 18, "text-anchor": "middle" }, label);
  }
  draw(grid, "line", { class: "axis", x1: frame.left, x2: frame.right, y1: frame.bottom + 0.5, y2: frame.bottom + 0.5 });
  const below = { x: (frame.left + frame.right) / 2, y: frame.bottom + 38, "text-anchor": "middle", class: "name" };
  draw(grid, "text", below, across.name);
  draw(grid, "text", { x: 0, y: frame.top - 12, class: "name" }, up.name);
}

const labelled = (scale, gap, format) => scale.ticks(gap).map(value => ({ value, label: format(value) }));
