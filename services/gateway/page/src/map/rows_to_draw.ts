// Where points are drawn, as the columns that a renderer takes.

import type { Origins, Points } from "../data/points.ts";
import { wantsStillness } from "./motion.ts";
import { EVER, type RowsToDraw } from "./renderer.ts";

/** Say where rows are drawn, from which places they come, and which of them appear. */
export function rowsToDraw(
  points: Points,
  from: number,
  to: number,
  origins: Origins | null,
  now: number,
  bornFrom = Infinity,
): RowsToDraw {
  const size = to - from;
  const after = new Float32Array(size * 2);
  const born = new Float32Array(size).fill(EVER);
  const isStill = wantsStillness();
  for (let i = 0; i < size; i += 1) {
    const row = from + i;
    after[2 * i] = points.x[row] as number;
    after[2 * i + 1] = points.y[row] as number;
    const isNew = row >= bornFrom || (origins !== null && (origins.rows[row] as number) < 0);
    if (isNew && !isStill) born[i] = now;
  }
  const before = origins?.places.subarray(2 * from, 2 * to) ?? after;
  return { size, before, after, born };
}
