// How many values lie in each of some equal parts of their range.

export interface Histogram {
  readonly least: number;
  readonly most: number;
  readonly counts: readonly number[];
}

/** Count the values; nothing if there are none. */
export function histogramOf(
  values: ArrayLike<number>,
  size: number,
  parts: number,
): Histogram | null {
  let least = Infinity;
  let most = -Infinity;
  const end = Math.min(size, values.length);
  for (let row = 0; row < end; row += 1) {
    const value = values[row] as number;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (least > most) return null;
  const counts = new Array<number>(parts).fill(0);
  const width = (most - least) / parts || 1;
  for (let row = 0; row < end; row += 1) {
    const value = values[row] as number;
    if (Number.isNaN(value)) continue;
    const part = Math.min(parts - 1, Math.floor((value - least) / width));
    counts[part] = (counts[part] as number) + 1;
  }
  return { least, most, counts };
}
