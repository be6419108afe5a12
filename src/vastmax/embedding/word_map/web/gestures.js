// Hands on the map: mouse, fingers, keys.
const CLICK_PIXELS = 5; // a pointer that moves less between down and up has clicked
const MOUSE_REACH = 14, FINGER_REACH = 26; // pixels around a dot that count as the dot
const WHEEL_STEP = 0.0016, PINCH_STEP = 0.01; // doublings (times ln 2) a pixel of the wheel, of a pinch on a touchpad
const WHEEL_LINE = 16; // pixels, for wheels that count in lines
const KEY_FACTOR = 1.5;
const KEY_PAN = 80; // pixels

function listenToHands(canvas, camera, drawing, { pick, hover, find }) {
  const pointers = new Map(); // those that are down: id -> where
  let travelled = 0, downAt = null;

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size === 1) {
      travelled = 0;
      downAt = { x: event.clientX, y: event.clientY };
    }
    camera.flight = null;
    hover(NONE);
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) {
      if (event.pointerType !== "touch") {
        const word = drawing.wordAt(event.clientX, event.clientY, MOUSE_REACH);
        hover(word, event.clientX, event.clientY);
      }
      return;
    }
    const before = spread(pointers);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const after = spread(pointers);
    travelled = Math.max(travelled, Math.hypot(event.clientX - downAt.x, event.clientY - downAt.y));
    if (pointers.size === 1 && travelled < CLICK_PIXELS) return;
    canvas.classList.add("dragged");
    camera.pan(after.x - before.x, after.y - before.y);
    if (before.size > 0) camera.zoomAt(after.x, after.y, after.size / before.size);
  });

  const lift = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    canvas.classList.remove("dragged");
    if (pointers.size > 0) {
      travelled = Infinity; // the last finger of a pinch picks nothing
    } else if (event.type === "pointerup" && travelled < CLICK_PIXELS) {
      const reach = event.pointerType === "touch" ? FINGER_REACH : MOUSE_REACH;
      pick(drawing.wordAt(event.clientX, event.clientY, reach));
    }
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => hover(NONE));

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault(); // the page itself neither scrolls nor zooms
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * WHEEL_LINE : event.deltaY;
    camera.zoomAt(event.clientX, event.clientY, Math.exp(-pixels * (event.ctrlKey ? PINCH_STEP : WHEEL_STEP)));
    hover(NONE);
  }, { passive: false });

  const zoomInMiddle = (factor) => camera.zoomAt(camera.middle.x, camera.middle.y, factor);
  const keys = {
    ArrowLeft: () => camera.pan(KEY_PAN, 0),
    ArrowRight: () => camera.pan(-KEY_PAN, 0),
    ArrowUp: () => camera.pan(0, KEY_PAN),
    ArrowDown: () => camera.pan(0, -KEY_PAN),
    "+": () => zoomInMiddle(KEY_FACTOR),
    "=": () => zoomInMiddle(KEY_FACTOR), // plus without the shift key
    "-": () => zoomInMiddle(1 / KEY_FACTOR),
    0: () => camera.showEverything(),
    Enter: () => pick(drawing.wordAt(camera.middle.x, camera.middle.y, Infinity)),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
    if (event.key === "/") {
      event.preventDefault();
      find();
    } else if (event.key === "Escape") {
      pick(NONE);
    }
  });

  document.getElementById("zoom-in").addEventListener("click", () => zoomInMiddle(KEY_FACTOR ** 2));
  document.getElementById("zoom-out").addEventListener("click", () => zoomInMiddle(1 / KEY_FACTOR ** 2));
  document.getElementById("zoom-all").addEventListener("click", () => camera.showEverything());
}

// Middle of the pointers that are down, and how far apart the first two are (0 for one).
function spread(pointers) {
  const [first, second = first] = pointers.values();
  return {
    x: (first.x + second.x) / 2,
    y: (first.y + second.y) / 2,
    size: Math.hypot(first.x - second.x, first.y - second.y),
  };
}
