// From values to pixels, straight or by logarithms, and the ticks that an axis gets.
const TENS = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8], [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9]];
const STRIDES = [100, 50, 20, 10, 5, 2]; // powers of ten, where there are too many for all to be named
const STEPS = [1, 2, 5];
const TIMES = [ // seconds that people count in, from few to many
  [0.01, 0.1, 1, 10, 60, 600, 3600, 36000],
  [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000, 108000],
  [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000, 86400],
];
const TIME_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

class Scale {
  // `low` is shown at pixel `from`, `high` at pixel `to`.
  constructor({ log, low, high, from, to, unit = "" }) {
    Object.assign(this, { log, low, high, from, to, unit });
    if (!Number.isFinite(low) || !Number.isFinite(high) || (log && low <= 0)) [this.low, this.high] = [1, 10]; // no value
    else if (low === high) [this.low, this.high] = log ? [low / 2, low * 2] : [low - 1, low + 1]; // one: in the middle
  }

  at(value) {
    const { low, high, from, to } = this;
    const share = this.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return from + share * (to - from);
  }

  // As many as stand `gap` pixels apart.
  ticks(gap) {
    if (!this.log) return this.evenly(gap);
    let best = [];
    for (const candidates of this.unit === "s" ? TIMES : this.tens()) {
      const ticks = candidates.filter(value => value >= this.low * 0.9999 && value <= this.high * 1.0001);
      if (!this.apart(ticks, gap)) break;
      best = ticks;
    }
    return best.length > 2 ? best : this.evenly(gap); // a narrow piece of the axis holds no round powers
  }

  tens() {
    const first = Math.floor(Math.log10(this.low)), last = Math.ceil(Math.log10(this.high));
    const powers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const some = STRIDES.filter(stride => powers.length > stride).map(stride => powers.filter(power => power % stride === 0));
    const all = TENS.map(leads => powers.flatMap(power => leads.map(lead => Number((lead * 10 ** power).toPrecision(3)))));
    return [...some.map(of => of.map(power => 10 ** power)), ...all];
  }

  evenly(gap) {
    const power = 10 ** Math.floor(Math.log10(this.high - this.low));
    const steps = this.unit === "s"
      ? TIME_STEPS
      : [power / 100, power / 10, power, 10 * power].flatMap(unit => STEPS.map(step => step * unit));
    for (const step of steps) {
      const first = Math.max(Math.ceil(this.low / step - 1e-9), this.log ? 1 : -Infinity), last = Math.floor(this.high / step + 1e-9);
      if (last - first > 100) continue;
      const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
      if (this.apart(ticks, gap)) return ticks;
    }
    return [];
  }

  apart(ticks, gap) {
    return ticks.every((tick, i) => i === 0 || Math.abs(this.at(tick) - this.at(ticks[i - 1])) >= gap);
  }
}
