// The map as it is painted: dots, names, and what the word in focus is joined to.
const NUM_COLOURS = 32;
const FIRST_HUE = 205, HUES = 215; // degrees: from blue over violet and red to amber; greens look alike to many
const LIGHTS = {
  light: { lightness: 0.5, chroma: 0.155, dimmed: 0.3, paper: "#fbfaf7", accent: "#5b2fb4", onAccent: "#ffffff" },
  dark: { lightness: 0.8, chroma: 0.115, dimmed: 0.36, paper: "#15131c", accent: "#b79bff", onAccent: "#1b1430" },
}; // dimmed: the opacity of what is not in focus
const FADE_OCTAVES = 0.2, FADE_FROM = 0.4; // a name fades in from this opacity while the scale grows by so many doublings
const CROWD = Math.log10(Math.max(numWords, 300)); // dots are smaller and fainter in a crowd
const DOT_RADIUS = textShare * Math.max(1.15, 4.1 - 0.62 * CROWD); // pixels
const DOT_OPACITY = 0.95 - 0.11 * CROWD;

class Drawing {
  constructor(canvas, camera) {
    this.canvas = canvas;
    this.camera = camera;
    this.context = canvas.getContext("2d");
    this.selected = NONE;
    this.hovered = NONE;
    this.shown = []; // words whose names are on the screen, for the pointer and for tests
    this.waiting = false;
    measureNames(this.context);
    this.appears = scalesOfAppearance();
    this.byColour = wordsByColour();
    this.useLight();
  }

  useLight() {
    this.light = window.matchMedia("(prefers-color-scheme: dark)").matches ? LIGHTS.dark : LIGHTS.light;
    this.colours = Array.from({ length: NUM_COLOURS }, (_, colour) => {
      const hue = FIRST_HUE + (HUES * colour) / (NUM_COLOURS - 1);
      return `oklch(${this.light.lightness} ${this.light.chroma} ${hue})`;
    });
    this.request();
  }

  colourOf(word) { return this.colours[colourIndex(word)]; }

  // Paint once before the next frame, however often this is called.
  request() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(window.innerWidth * ratio);
    this.canvas.height = Math.round(window.innerHeight * ratio);
    this.ratio = ratio;
  }

  paint() {
    const { context, camera } = this;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    const focus = this.hovered !== NONE ? this.hovered : this.selected;
    const near = focus === NONE ? [] : neighboursOf(focus);
    const boxes = this.placeFocus(focus, near);
    const others = this.selected === NONE ? 1 : this.light.dimmed;
    this.paintDots(others);
    this.paintLines(focus, near);
    this.paintNames(others, boxes);
    this.paintFocus(focus, near, boxes);
  }

  isNamed(word) { return this.appears[word] <= this.camera.scale; }

  onScreen(screenX, screenY, halfWidth, halfHeight) {
    return screenX + halfWidth > 0 && screenX - halfWidth < this.camera.width &&
      screenY + halfHeight > 0 && screenY - halfHeight < this.camera.height;
  }

  paintDots(opacity) {
    const { context, camera } = this;
    const closeness = Math.max(0, Math.log2(camera.scale / camera.everything.scale));
    const radius = DOT_RADIUS * Math.min(1 + 0.14 * closeness, 2);
    const round = radius > 1.4; // smaller ones are squares, which nobody can tell, and quicker
    context.globalAlpha = DOT_OPACITY * opacity;
    for (let colour = 0; colour < NUM_COLOURS; colour++) {
      context.fillStyle = this.colours[colour];
      context.beginPath();
      for (const word of this.byColour[colour]) {
        if (this.isNamed(word)) continue; // the name stands in the dot's place
        const screenX = camera.screenX(worldX[word]), screenY = camera.screenY(worldY[word]);
        if (!this.onScreen(screenX, screenY, radius, radius)) continue;
        if (round) {
          context.moveTo(screenX + radius, screenY);
          context.arc(screenX, screenY, radius, 0, 2 * Math.PI);
        } else {
          context.rect(screenX - radius, screenY - radius, 2 * radius, 2 * radius);
        }
      }
      context.fill();
    }
  }

  paintLines(focus, near) {
    const { context, camera } = this;
    context.strokeStyle = this.light.accent;
    for (const { word, cosine } of near) {
      context.globalAlpha = 0.12 + 0.5 * Math.max(0, cosine);
      context.lineWidth = 0.8 + 1.6 * Math.max(0, cosine);
      context.beginPath();
      context.moveTo(camera.screenX(worldX[focus]), camera.screenY(worldY[focus]));
      context.lineTo(camera.screenX(worldX[word]), camera.screenY(worldY[word]));
      context.stroke();
    }
  }

  paintNames(opacity, boxes) {
    const { context, camera } = this;
    this.shown = [];
    context.strokeStyle = this.light.paper;
    context.lineWidth = 3;
    for (let word = 0; word < numWords; word++) {
      if (!this.isNamed(word)) continue;
      const x = camera.screenX(worldX[word]), y = camera.screenY(worldY[word]);
      if (!this.onScreen(x, y, halfWidths[word], halfHeights[word])) continue;
      const box = { x, y, halfWidth: halfWidths[word], halfHeight: halfHeights[word] };
      if (boxes.some((other) => other.word === word || overlap(box, other))) continue;
      const age = this.appears[word] > 0 ? Math.log2(camera.scale / this.appears[word]) / FADE_OCTAVES : 1;
      const fresh = Math.min(1, FADE_FROM + (1 - FADE_FROM) * age);
      context.globalAlpha = opacity * fresh;
      context.font = fontOf(textSizes[word]);
      context.strokeText(names[word], x, y); // a rim of paper between the name and the dots behind it
      context.fillStyle = this.colourOf(word);
      context.fillText(names[word], x, y);
      this.shown.push(word);
    }
  }

  // Boxes for the word in focus and its neighbours, which are named wherever there is room, at any scale. Each stands
  // on its dot or else beside it.
  placeFocus(focus, near) {
    if (focus === NONE) return [];
    const { context, camera } = this;
    const boxes = [];
    for (const word of [focus, ...near.map((neighbour) => neighbour.word)]) {
      const size = Math.max(textSizes[word], word === focus ? 19 * textShare : 14 * textShare);
      const font = fontOf(size, word === focus ? 650 : 600);
      context.font = font;
      const halfWidth = context.measureText(names[word]).width / 2 + (word === focus ? 10 : 4);
      const halfHeight = size * 0.6 + (word === focus ? 5 : 2);
      const dotX = camera.screenX(worldX[word]), dotY = camera.screenY(worldY[word]);
      const shifts = [[0, 0], [0, 1], [0, -1], [1, 0], [-1, 0], [1, 1.6], [-1, 1.6], [1, -1.6], [-1, -1.6]];
      for (const [across, down] of shifts) {
        const x = dotX + across * (halfWidth + 5), y = dotY + down * (halfHeight + 5);
        const onDot = across === 0 && down === 0;
        const box = { word, font, onDot, x, y, halfWidth, halfHeight };
        if (boxes.every((other) => !overlap(box, other))) {
          boxes.push(box);
          break;
        }
      }
    }
    return boxes;
  }

  paintFocus(focus, near, boxes) {
    const { context, camera } = this;
    context.globalAlpha = 1;
    context.fillStyle = this.light.accent;
    for (const { word } of near) {
      const box = boxes.find((one) => one.word === word);
      if (box?.onDot) continue;
      context.beginPath();
      context.arc(camera.screenX(worldX[word]), camera.screenY(worldY[word]), 3, 0, 2 * Math.PI);
      context.fill();
    }
    for (const box of boxes) {
      context.font = box.font;
      if (box.word === focus) {
        context.fillStyle = this.light.accent;
        context.beginPath();
        context.roundRect(
          box.x - box.halfWidth, box.y - box.halfHeight, 2 * box.halfWidth, 2 * box.halfHeight, box.halfHeight,
        );
        context.fill();
        context.fillStyle = this.light.onAccent;
      } else {
        context.strokeStyle = this.light.paper;
        context.lineWidth = 4;
        context.strokeText(names[box.word], box.x, box.y);
        context.fillStyle = this.colourOf(box.word);
      }
      context.fillText(names[box.word], box.x, box.y);
      this.shown.push(box.word);
    }
    this.focusBoxes = boxes;
  }

  // The word whose name lies under a point of the screen, or else the nearest dot within `reach` pixels, or NONE.
  wordAt(screenX, screenY, reach) {
    for (const box of this.focusBoxes ?? []) {
      if (Math.abs(screenX - box.x) < box.halfWidth && Math.abs(screenY - box.y) < box.halfHeight) return box.word;
    }
    let found = NONE, least = reach;
    for (let word = 0; word < numWords; word++) {
      const dx = Math.abs(screenX - this.camera.screenX(worldX[word]));
      const dy = Math.abs(screenY - this.camera.screenY(worldY[word]));
      if (this.isNamed(word) && dx < halfWidths[word] && dy < halfHeights[word]) return word;
      const distance = Math.hypot(dx, dy);
      if (distance < least) {
        least = distance;
        found = word;
      }
    }
    return found;
  }
}

function overlap(one, other) {
  return Math.abs(one.x - other.x) < one.halfWidth + other.halfWidth &&
    Math.abs(one.y - other.y) < one.halfHeight + other.halfHeight;
}

function colourIndex(word) {
  return Math.min(NUM_COLOURS - 1, Math.floor((shades[word] * NUM_COLOURS) / 256));
}

// One pass over the canvas a colour: changing it for each dot would take longer than the dots.
function wordsByColour() {
  const lists = Array.from({ length: NUM_COLOURS }, () => []);
  for (let word = 0; word < numWords; word++) lists[colourIndex(word)].push(word);
  return lists;
}
