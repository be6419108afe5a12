// What the race found, and which methods the reader has hidden; every chart draws from here.
const found = JSON.parse(document.getElementById("data").textContent);
const methods = found.methods; // {name, family, mark, dash, points, perplexity, normalised, speed, bands, chosen}
const hidden = new Set(); // names
const listeners = [];

const isShown = method => !hidden.has(method.name);
const whenChanged = listener => listeners.push(listener);

function change() {
  for (const listener of listeners) listener();
}

function toggle(method) {
  if (!hidden.delete(method.name)) hidden.add(method.name);
  change();
}

// All but this one hidden; once more, and all are back.
function single(method) {
  const alone = methods.every(other => isShown(other) === (other === method));
  hidden.clear();
  if (!alone) for (const other of methods) if (other !== method) hidden.add(other.name);
  change();
}

// The method that pointer or keys are at: others step back in every chart.
let emphasised = null;

function emphasise(method) {
  if (emphasised === method) return;
  emphasised = method;
  for (const element of document.querySelectorAll("[data-method]")) {
    element.classList.toggle("faded", method !== null && element.dataset.method !== method.name);
    element.classList.toggle("raised", method !== null && element.dataset.method === method.name);
  }
}
