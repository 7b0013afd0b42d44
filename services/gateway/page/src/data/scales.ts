// Cuts numbers and times into a few ranges with round edges.

const MOST = 8;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIMES = [
  SECOND,
  5 * SECOND,
  15 * SECOND,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
  30 * DAY,
  90 * DAY,
  365 * DAY,
];

/** Equal ranges from the first edge on; the last one holds the largest value. */
export interface Scale {
  readonly first: number;
  readonly width: number;
  readonly count: number;
}

/** Cut numbers; whole ones into ranges of whole numbers. */
export function scaleOfNumbers(least: number, most: number, isWhole = true): Scale {
  if (!Number.isFinite(most - least)) return { first: least, width: Infinity, count: 1 };
  let width = 1;
  const finest = most > least ? 10 ** Math.floor(Math.log10((most - least) / MOST)) : 1;
  for (let power = isWhole ? Math.max(1, finest) : finest; ; power *= 10) {
    for (const factor of [1, 2, 5]) {
      width = power * factor;
      const scale = fitting(least, most, width);
      if (scale.count <= MOST) return scale;
    }
  }
}

/** Cut times. */
export function scaleOfTimes(least: number, most: number): Scale {
  for (const width of TIMES) {
    const scale = fitting(least, most, width);
    if (scale.count <= MOST) return scale;
  }
  const year = 365 * DAY;
  return fitting(least, most, Math.ceil((most - least) / year / (MOST - 1)) * year);
}

/** Return the range that a value is in; -1 if it is in none. */
export function rangeOf(scale: Scale, value: number): number {
  const range = Math.floor((value - scale.first) / scale.width);
  return range >= 0 && range < scale.count ? range : -1;
}

function fitting(least: number, most: number, width: number): Scale {
  let first = Math.floor(least / width) * width;
  if (first > least) first -= width; // a quotient may be rounded up
  return { first, width, count: Math.floor((most - first) / width) + 1 };
}
