// Which part of the plane is seen: its centre, and how many pixels of the screen a unit of it takes.
const FLIGHT_MILLISECONDS = 550;
const FARTHEST = 0.6; // of the scale at which everything fits
const NEAREST_SCALE = 150000; // pixels a unit; float32 places are exact to a hundredth of a pixel there
const FIT_MARGIN = 34; // pixels, room for the names at the rim

class Camera {
  constructor(moved) {
    this.moved = moved; // called after every change
    this.width = this.height = 1;
    this.covered = { left: 0, right: 0, top: 0, bottom: 0 }; // pixels at the rims that cards lie on
    this.x = this.y = 0;
    this.scale = 1;
    this.flight = null;
    this.atRest = true; // shows everything, and shall do so when the window changes its size
  }

  // Middle of the part of the screen that no card covers.
  get middle() {
    return {
      x: (this.covered.left + this.width - this.covered.right) / 2,
      y: (this.covered.top + this.height - this.covered.bottom) / 2,
    };
  }

  screenX(x) { return (x - this.x) * this.scale + this.width / 2; }
  screenY(y) { return (this.y - y) * this.scale + this.height / 2; }
  toWorld(screenX, screenY) {
    return {
      x: (screenX - this.width / 2) / this.scale + this.x,
      y: this.y - (screenY - this.height / 2) / this.scale,
    };
  }

  // The view that shows all of the box in the uncovered part of the screen.
  viewOf(box, margin) {
    const { left, right, top, bottom } = this.covered;
    const scale = Math.min(
      Math.max(80, this.width - left - right - 2 * margin) / Math.max(box.right - box.left, 1e-9),
      Math.max(80, this.height - top - bottom - 2 * margin) / Math.max(box.top - box.bottom, 1e-9),
    );
    return this.centred((box.left + box.right) / 2, (box.top + box.bottom) / 2, scale);
  }

  // The view with (x, y) in the middle of the uncovered part of the screen.
  centred(x, y, scale) {
    return {
      x: x - (this.middle.x - this.width / 2) / scale,
      y: y + (this.middle.y - this.height / 2) / scale,
      scale,
    };
  }

  get everything() { return this.viewOf(extent, FIT_MARGIN); }

  limited(scale) {
    return Math.min(Math.max(scale, this.everything.scale * FARTHEST), NEAREST_SCALE);
  }

  set(view) {
    this.scale = this.limited(view.scale);
    this.x = Math.min(Math.max(view.x, extent.left - 0.5), extent.right + 0.5);
    this.y = Math.min(Math.max(view.y, extent.bottom - 0.5), extent.top + 0.5);
    this.moved();
  }

  // A hand on the map ends a flight.
  grab() {
    this.flight = null;
    this.atRest = false;
  }

  pan(dx, dy) {
    this.grab();
    this.set({ x: this.x - dx / this.scale, y: this.y + dy / this.scale, scale: this.scale });
  }

  // Change the scale and leave what lies under a point of the screen where it is.
  zoomAt(screenX, screenY, factor) {
    this.grab();
    const under = this.toWorld(screenX, screenY);
    const scale = this.limited(this.scale * factor);
    this.set({
      x: under.x - (screenX - this.width / 2) / scale,
      y: under.y + (screenY - this.height / 2) / scale,
      scale,
    });
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    if (this.atRest) this.set(this.everything);
    else this.moved();
  }

  showEverything(animated = true) {
    this.flyTo(this.everything, animated);
    this.atRest = true;
  }

  flyTo(goal, animated = true) {
    this.grab();
    const target = { ...goal, scale: this.limited(goal.scale) };
    if (!animated || window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.set(target);
      return;
    }
    const start = { x: this.x, y: this.y, scale: this.scale };
    const growth = target.scale / start.scale;
    const flight = { started: null };
    this.flight = flight;
    const step = (now) => {
      if (this.flight !== flight) return;
      flight.started ??= now;
      const time = Math.min((now - flight.started) / FLIGHT_MILLISECONDS, 1);
      const eased = time < 0.5 ? 4 * time ** 3 : 1 - (2 - 2 * time) ** 3 / 2;
      const scale = start.scale * growth ** eased;
      // The way over the plane is covered evenly on the screen, where it shrinks or grows with the scale.
      const part = Math.abs(growth - 1) < 1e-6 ? eased : (1 - start.scale / scale) / (1 - 1 / growth);
      this.set({ x: start.x + (target.x - start.x) * part, y: start.y + (target.y - start.y) * part, scale });
      if (time < 1) requestAnimationFrame(step);
      else this.flight = null;
    };
    requestAnimationFrame(step);
  }
}

// The box that all words lie in.
const extent = { left: 0, right: 0, bottom: 0, top: 0 };
for (let word = 0; word < numWords; word++) {
  extent.left = Math.min(extent.left, worldX[word]);
  extent.right = Math.max(extent.right, worldX[word]);
  extent.bottom = Math.min(extent.bottom, worldY[word]);
  extent.top = Math.max(extent.top, worldY[word]);
}
