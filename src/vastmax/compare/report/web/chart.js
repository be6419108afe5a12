// What all charts share: a drawing as wide as its place, a note at the pointer, and keys that lead from point to point.
const NARROW_CHART = 620; // pixels; narrower, names do not stand beside the lines
const POINTER_REACH = 60; // pixels from a point within which it is meant
const note = document.getElementById("note");
const statusLine = document.getElementById("status");

class Chart {
  // `paint(svg, width)` draws and returns the points: {method, x, y, title, lines}.
  constructor(place, paint) {
    this.place = place;
    this.paint = paint;
    this.points = [];
    this.current = null;
    this.svg = draw(place, "svg", { tabindex: "0", role: "application", "aria-roledescription": "chart" });
    this.svg.setAttribute("aria-label", `${place.dataset.label}. Arrow keys lead from point to point.`);
    this.svg.addEventListener("pointermove", event => this.follow(event));
    this.svg.addEventListener("pointerdown", event => this.follow(event));
    this.svg.addEventListener("pointerleave", () => this.leave());
    this.svg.addEventListener("keydown", event => this.listen(event));
    this.svg.addEventListener("blur", () => this.leave());
    whenChanged(() => this.render());
    new ResizeObserver(() => this.width !== this.place.clientWidth && this.render()).observe(place);
    this.render();
  }

  render() {
    this.width = this.place.clientWidth;
    if (this.width === 0) return; // not laid out
    this.svg.replaceChildren();
    this.current = null;
    this.points = this.paint(this.svg, this.width);
    this.ring = draw(this.svg, "path", { class: "ring", d: "" });
    if (!methods.some(isShown)) {
      const middle = { x: this.width / 2, y: this.svg.viewBox.baseVal.height / 2, "text-anchor": "middle", class: "empty" };
      draw(this.svg, "text", middle, "Every method is hidden.");
    }
  }

  follow(event) {
    const box = this.svg.getBoundingClientRect();
    const scale = this.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let nearest = null, least = POINTER_REACH;
    for (const point of this.points) {
      const away = Math.hypot(point.x - x, point.y - y);
      if (away < least) [nearest, least] = [point, away];
    }
    this.show(nearest);
  }

  leave() {
    this.show(null);
  }

  listen(event) {
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (event.key === "Escape") this.show(null);
    if (step === undefined || this.points.length === 0) return;
    event.preventDefault();
    this.show(this.current === null ? this.points[0] : this.neighbour(...step), true);
  }

  // Along the line of a method, or to the point of another one that is nearest in height.
  neighbour(along, down) {
    const { current, points } = this;
    if (along !== 0) {
      const own = points.filter(point => point.method === current.method);
      if (own.length > 1) return own[Math.min(Math.max(own.indexOf(current) + along, 0), own.length - 1)];
      const order = [...points].sort((one, other) => one.x - other.x);
      return order[Math.min(Math.max(order.indexOf(current) + along, 0), order.length - 1)];
    }
    const nearest = new Map(); // of each other method the point that is nearest across
    for (const point of points) {
      const best = nearest.get(point.method);
      if (best === undefined || Math.abs(point.x - current.x) < Math.abs(best.x - current.x)) nearest.set(point.method, point);
    }
    nearest.set(current.method, current);
    const order = [...nearest.values()].sort((one, other) => one.y - other.y);
    return order[Math.min(Math.max(order.indexOf(current) + down, 0), order.length - 1)];
  }

  show(point, aloud = false) {
    this.current = point;
    emphasise(point === null ? null : point.method);
    this.ring?.setAttribute("d", point === null ? "" : markPath("circle", point.x, point.y, 8));
    note.hidden = point === null;
    if (point === null) return;
    note.className = `family-${point.method.family}`;
    note.replaceChildren(...[point.method.name, ...point.lines].map((line, i) => {
      const element = document.createElement(i === 0 ? "strong" : "span");
      element.textContent = line;
      return element;
    }));
    if (aloud) statusLine.textContent = [point.method.name, ...point.lines].join(", ");
    const box = this.svg.getBoundingClientRect();
    const scale = box.width / this.width;
    const x = box.left + point.x * scale, y = box.top + point.y * scale;
    const { width, height } = note.getBoundingClientRect();
    const left = x + 14 + width > window.innerWidth - 6 ? x - 14 - width : x + 14;
    const top = y - height - 12 < 6 ? y + 14 : y - height - 12;
    note.style.transform = `translate(${Math.max(left, 6)}px, ${top}px)`;
  }
}
