// Numbers in few letters.
const MINUTE = 60, HOUR = 3600;

function digits(value) {
  if (value >= 999.5e6) return value.toPrecision(2);
  if (value >= 999.5e3) return `${trimmed(value / 1e6)} M`;
  if (value >= 99.95) return Math.round(value).toLocaleString("en");
  return trimmed(value);
}

// Three digits, without zeros at the end.
const trimmed = value => String(Number(value.toPrecision(3)));

function inSeconds(value) {
  if (value >= HOUR) return `${trimmed(value / HOUR)} h`;
  return value >= MINUTE ? `${trimmed(value / MINUTE)} min` : `${trimmed(value)} s`;
}

function inWords(value) {
  if (value >= 999.5e6) return `${trimmed(value / 1e9)} G`;
  if (value >= 999.5e3) return `${trimmed(value / 1e6)} M`;
  return value >= 1e3 ? `${trimmed(value / 1e3)} k` : trimmed(value);
}

// For an axis, where room is short.
const inTicks = value => (value >= 9999.5 ? inWords(value) : digits(value));
