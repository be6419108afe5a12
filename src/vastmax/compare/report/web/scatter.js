// How much faster, how well: one point a method.
const NAME_HEIGHT = 15; // pixels

function scatterChart(place) {
  new Chart(place, (svg, width) => {
    const narrow = width < NARROW_CHART;
    const height = narrow ? 360 : Math.min(Math.max(width * 0.5, 400), 500);
    const frame = { left: narrow ? 44 : 56, right: width - 16, top: 34, bottom: height - 46 };
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const drawn = methods.filter(method => isShown(method) && method.speed !== null && method.perplexity !== null);
    const { low, high } = perplexities(drawn.map(method => [method, method.perplexity]));
    const inside = drawn.filter(method => method.perplexity <= high);
    const speeds = inside.map(method => method.speed);
    const horizontal = new Scale({
      log: true, low: Math.min(...speeds, Infinity) / 1.4, high: Math.max(...speeds, 0) * 1.6, from: frame.left, to: frame.right,
    });
    const vertical = new Scale({ log: true, low: low / 1.05, high, from: frame.bottom, to: frame.top });
    if (inside.length === 0) return [];
    const inSpeed = found.speedIsRatio ? value => `${digits(value)}×` : inWords;
    const name = found.speedIsRatio ? "training words/s over the softmax's" : "training words/s";
    drawAxes(svg, frame, { scale: horizontal, ticks: labelled(horizontal, 46, inSpeed), name },
      { scale: vertical, ticks: labelled(vertical, 26, inTicks), name: "perplexity at the end" });
    draw(svg, "text", { class: "better", x: frame.right, y: frame.top - 12, "text-anchor": "end" }, "faster →  better ↓");

    const places = inside.map(method => ({ method, x: horizontal.at(method.speed), y: vertical.at(method.perplexity) }));
    const front = frontOf(places.filter(({ method }) => method.normalised));
    drawFront(svg, front);
    // Where there is no room for all names, these have theirs.
    const weight = place => (place.method.chosen ? 0 : place.method.name === "softmax" ? 1 : front.includes(place) ? 2 : 3);
    places.sort((one, other) => weight(one) - weight(other));
    const groups = places.map(({ method, x, y }) => {
      const group = groupOf(svg, method, "dot");
      draw(group, "path", { class: "mark", d: markPath(method.mark, x, y, 5.5) });
      return group;
    });
    namePoints(groups, places, frame);
    return places.map(point => ({
      ...point,
      lines: [
        `perplexity ${digits(point.method.perplexity)}`,
        found.speedIsRatio ? `${digits(point.method.speed)} times the softmax's speed` : `${inWords(point.method.speed)} words/s`,
      ],
    }));
  });
}

// The methods that no other one beats in both, the slowest first.
function frontOf(places) {
  return places
    .filter(({ x, y }) => !places.some(other => other.x >= x && other.y >= y && (other.x > x || other.y > y)))
    .sort((one, other) => one.x - other.x);
}

function drawFront(svg, front) {
  if (front.length < 2) return;
  const steps = front.map(({ x, y }, i) => (i === 0 ? `M${x} ${y}` : `V${y}H${x}`)).join("");
  draw(svg, "path", { class: "front", d: steps });
}

function namePoints(groups, places, frame) {
  const names = places.map(({ method }, i) => draw(groups[i], "text", { class: "point-name" }, method.name));
  const items = places.map(({ x, y }, i) => ({ x, y, width: names[i].getComputedTextLength(), height: NAME_HEIGHT }));
  placeAround(items, frame).forEach((box, i) => {
    if (box === null) {
      names[i].remove(); // the pointer still tells it
      return;
    }
    const { x, y } = places[i];
    names[i].setAttribute("x", box.left);
    names[i].setAttribute("y", box.top + NAME_HEIGHT - 4);
    if (box.reach <= REACHES[1]) return;
    const toX = Math.min(Math.max(x, box.left), box.right), toY = Math.min(Math.max(y, box.top), box.bottom);
    groups[i].prepend(draw(groups[i], "path", { class: "leader", d: `M${x} ${y}L${toX} ${toY}` }));
  });
}
