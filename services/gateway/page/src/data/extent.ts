// What of the plane is seen at first: where nearly all points are, however far off a few of them.

import type { Bounds, Points } from "./points.ts";

/** Of each axis, so much at both ends may lie outside. */
const TAIL = 0.005;
/** With fewer points each of them counts. */
const FEWEST = 200;
/** Few lie far off if without them an axis is so much shorter. */
const WORTH = 2;
const ROOM = 0.04;
const SAMPLED = 4096;

/** A part of the plane, and how many points lie outside of it. */
export interface Extent {
  readonly box: Bounds;
  readonly outside: number;
}

/** Return the box of nearly all points; if no few make the map much larger, the whole box. */
export function extentOf(points: Points, whole: Bounds | null): Extent | null {
  if (!whole) return null;
  if (points.size < FEWEST) return { box: whole, outside: 0 };
  const [minX, maxX] = middle(points.x, points.size, whole.minX, whole.maxX);
  const [minY, maxY] = middle(points.y, points.size, whole.minY, whole.maxY);
  const box = { minX, minY, maxX, maxY };
  const isWhole =
    minX === whole.minX && maxX === whole.maxX && minY === whole.minY && maxY === whole.maxY;
  return { box, outside: isWhole ? 0 : outsideOf(points, box) };
}

function middle(values: Float32Array, size: number, least: number, most: number) {
  const step = Math.max(1, Math.floor(size / SAMPLED));
  const some = new Float32Array(Math.floor((size - 1) / step) + 1);
  for (let i = 0; i < some.length; i += 1) some[i] = values[i * step] as number;
  some.sort();
  const cut = Math.floor(TAIL * some.length);
  const [low, high] = [some[cut] as number, some[some.length - 1 - cut] as number];
  if (most - least < WORTH * (high - low) || high <= low) return [least, most] as const;
  const room = ROOM * (high - low);
  return [Math.max(least, low - room), Math.min(most, high + room)] as const;
}

function outsideOf(points: Points, box: Bounds): number {
  let count = 0;
  for (let row = 0; row < points.size; row += 1) {
    const [x, y] = [points.x[row] as number, points.y[row] as number];
    if (x < box.minX || x > box.maxX || y < box.minY || y > box.maxY) count += 1;
  }
  return count;
}
