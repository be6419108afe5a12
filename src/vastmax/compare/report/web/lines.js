// Charts of lines: perplexity against what was spent, and against how frequent a word is.
const LEADER = 31; // pixels from the end of the axis to the name of a line

// Draws lines of {method, points: [{x, y, lines}]} between axes; the answer is their points on the screen.
function paintLines(svg, width, { series, across, up, reference = null }) {
  const narrow = width < NARROW_CHART;
  const height = narrow ? 330 : Math.min(Math.max(width * 0.55, 400), 540);
  const frame = { left: narrow ? 44 : 56, right: width - (narrow ? 20 : LEADER + widestName(svg, series) + 2), top: 34, bottom: height - 46 };
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const horizontal = across.scale(frame.left + (across.inset ?? 0), frame.right - (across.inset ?? 0));
  const vertical = up.scale(frame.bottom, frame.top);
  drawAxes(svg, frame, { scale: horizontal, ticks: across.ticks(horizontal), name: across.name },
    { scale: vertical, ticks: labelled(vertical, 26, up.format), name: up.name });

  const clip = draw(svg, "clipPath", { id: `clip-${svg.parentElement.id}` });
  draw(clip, "rect", { x: frame.left, y: frame.top - 6, width: frame.right - frame.left + 8, height: frame.bottom - frame.top + 6 });
  const level = reference !== null && reference.value > vertical.low && reference.value < vertical.high
    ? vertical.at(reference.value) : null;
  if (level !== null) draw(svg, "line", { class: "reference", x1: frame.left, x2: frame.right, y1: level, y2: level });
  const places = [], ends = [];
  const inside = draw(svg, "g", { "clip-path": `url(#clip-${svg.parentElement.id})` });
  for (const { method, points } of series) {
    const group = groupOf(inside, method, "line");
    const drawn = points.map(point => ({ ...point, method, x: horizontal.at(point.x), y: vertical.at(point.y) }));
    const route = drawn.map(({ x, y }, i) => `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    draw(group, "path", { class: "route", d: route, "stroke-dasharray": method.dash.join(" ") });
    for (const { x, y } of drawn) draw(group, "path", { class: "mark", d: markPath(method.mark, x, y, 3.4) });
    places.push(...drawn.filter(({ y }) => y >= frame.top - 6));
    ends.push({ method, ...drawn[drawn.length - 1] });
  }
  if (level !== null) {
    draw(svg, "text", { class: "reference", x: frame.right - 4, y: level - 6, "text-anchor": "end" }, reference.name);
  }
  if (!narrow) nameLines(svg, ends, frame);
  return places;
}

// In pixels, bold as the recommended method's is.
function widestName(svg, series) {
  const group = draw(svg, "g", { class: "label chosen" });
  const widths = series.map(({ method }) => draw(group, "text", {}, method.name).getComputedTextLength());
  group.remove();
  return Math.max(...widths, 0);
}

function nameLines(svg, ends, frame) {
  const heights = spread(ends.map(({ y }) => y), frame.top, frame.bottom - 4);
  ends.forEach(({ method, x, y }, i) => {
    const group = groupOf(svg, method, "label");
    const from = Math.max(y, frame.top - 4);
    draw(group, "path", { class: "leader", d: `M${x + 6} ${from}L${frame.right + 10} ${from}L${frame.right + 24} ${heights[i]}h4` });
    draw(group, "text", { x: frame.right + LEADER, y: heights[i] + 4 }, method.name);
  });
}

const SPENT = {
  wall: { place: 0, name: "seconds of training", unit: "s", format: inSeconds },
  cpu: { place: 1, name: "processor seconds of training", unit: "s", format: inSeconds },
  words: { place: 2, name: "words read in training", unit: "", format: inWords },
};
const ROOM = 1.06; // above the highest and below the lowest perplexity

const chosenOf = name => document.querySelector(`input[name="${name}"]:checked`).value;

function learningChart(place) {
  const chart = new Chart(place, (svg, width) => {
    const spent = SPENT[chosenOf("spent")];
    const log = { across: chosenOf("across") === "log", up: chosenOf("up") === "log" };
    // By logarithms nothing has a place at 0; the start is what all methods had before they learned.
    const series = methods.filter(isShown).map(method => ({
      method,
      points: method.points.filter(point => point[3] !== null && (!log.across || point[spent.place] > 0)).map(point => ({
        x: point[spent.place],
        y: point[3],
        lines: [`perplexity ${digits(point[3])}`, `${inSeconds(point[0])}, ${inSeconds(point[1])} of processor`, `${inWords(point[2])} words read`],
      })),
    })).filter(({ points }) => points.length > 0);
    const values = series.flatMap(({ points }) => points.map(({ x }) => x));
    const last = Math.max(...values), first = log.across ? Math.min(...values) : 0;
    const { low, high } = perplexities(series.map(({ method, points }) => [method, points[points.length - 1].y]));
    return paintLines(svg, width, {
      series,
      across: {
        name: spent.name,
        scale: (from, to) => new Scale({ log: log.across, low: first, high: last, from, to, unit: spent.unit }),
        ticks: scale => labelled(scale, 58, spent.format),
      },
      up: {
        name: "perplexity of the validation text",
        scale: (from, to) => new Scale({ log: log.up, low, high, from, to }),
        format: inTicks,
      },
      reference: found.unigrams === null ? null : { value: found.unigrams, name: `word frequencies alone: ${digits(found.unigrams)}` },
    });
  });
  for (const input of document.querySelectorAll("#learning-controls input")) input.addEventListener("change", () => chart.render());
}

// What of the perplexities is shown: the ends of all lines, and the level of the unigrams. Where lines come from may lie
// outside, and so may methods whose figures are no match for the others.
function perplexities(ends) {
  const fair = ends.filter(([method]) => method.normalised);
  const levels = (fair.length > 0 ? fair : ends).map(([, level]) => level);
  if (found.unigrams !== null) levels.push(found.unigrams);
  if (levels.length === 0) levels.push(1, 10);
  return { low: Math.min(...levels) / ROOM, high: Math.max(...levels) * ROOM ** 2 };
}

function bandsChart(place) {
  const chart = new Chart(place, (svg, width) => {
    const asRatio = chosenOf("bands") === "ratio";
    const series = methods.filter(method => isShown(method) && (method.normalised || !asRatio)).map(method => ({
      method,
      points: method.bands.map((band, i) => ({
        x: i,
        y: asRatio ? band.ratio : band.perplexity,
        lines: [
          `${found.bands[i].name}: perplexity ${digits(band.perplexity ?? 0)}`,
          ...(band.ratio === null ? [] : [`${digits(band.ratio)} times the softmax's`]),
        ],
      })).filter(({ y }) => y !== null),
    })).filter(({ points }) => points.length > 0);
    const fair = series.filter(({ method }) => method.normalised);
    const values = (fair.length > 0 ? fair : series).flatMap(({ points }) => points.map(({ y }) => y));
    if (asRatio) values.push(1);
    const low = Math.min(...values), high = Math.max(...values);
    return paintLines(svg, width, {
      series,
      across: {
        name: width < NARROW_CHART ? "rank of the words" : "rank of the words in the training text: share of the validation text",
        inset: width < NARROW_CHART ? 26 : 50,
        scale: (from, to) => new Scale({ log: false, low: 0, high: found.bands.length - 1, from, to }),
        ticks: () => found.bands.map(({ name, share }, i) => ({ value: i, label: width < NARROW_CHART ? name : `${name}: ${share}` })),
      },
      up: {
        name: asRatio ? "perplexity over the softmax's" : "perplexity of the words",
        scale: (from, to) => new Scale({ log: true, low: low / ROOM, high: high * ROOM, from, to }),
        format: asRatio ? value => `${digits(value)}×` : inTicks,
      },
      reference: asRatio ? { value: 1, name: "as the softmax" } : null,
    });
  });
  for (const input of document.querySelectorAll("#bands-controls input")) input.addEventListener("change", () => chart.render());
}
