// Which points lie in a part of the plane.

import type { Points } from "./points.ts";

/** A corner of an area, in the units of the map. */
export interface Corner {
  readonly x: number;
  readonly y: number;
}

/** An area has no more corners than this; a line drawn by hand is thinned out. */
export const MOST_CORNERS = 64;

/** Return the rows of the points inside an area for which something holds. */
export function rowsInside(
  points: Points,
  corners: readonly Corner[],
  holds: (row: number) => boolean,
): Uint32Array {
  const xs = corners.map((one) => one.x);
  const ys = corners.map((one) => one.y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [bottom, top] = [Math.min(...ys), Math.max(...ys)];
  const edges = new Edges(corners);
  const found = new Uint32Array(points.size);
  let count = 0;
  for (let row = 0; row < points.size; row += 1) {
    const x = points.x[row] as number;
    const y = points.y[row] as number;
    if (x < left || x > right || y < bottom || y > top) continue;
    if (edges.isAround(x, y) && holds(row)) {
      found[count] = row;
      count += 1;
    }
  }
  return found.slice(0, count);
}

/** Leave out corners until few are left, evenly. */
export function thinned(corners: readonly Corner[]): readonly Corner[] {
  if (corners.length <= MOST_CORNERS) return corners;
  const step = corners.length / MOST_CORNERS;
  return Array.from({ length: MOST_CORNERS }, (_, i) => corners[Math.floor(i * step)] as Corner);
}

/** Return the corners of a box. */
export function box(one: Corner, other: Corner): readonly Corner[] {
  return [one, { x: other.x, y: one.y }, other, { x: one.x, y: other.y }];
}

const SPOT = 1e-5;

/** Return the corners of a spot so small that points on it are seen as one. */
export function spotOf(points: Points, row: number): readonly Corner[] {
  const [x, y] = [points.x[row] as number, points.y[row] as number];
  const reach = SPOT * Math.max(1, Math.abs(x), Math.abs(y));
  return box({ x: x - reach, y: y - reach }, { x: x + reach, y: y + reach });
}

/** An edge, from its lower end to its upper one. */
interface Edge {
  readonly x: number;
  readonly y: number;
  readonly top: number;
  /** How far it goes to the right for each step up. */
  readonly slope: number;
}

const SLABS = 256;

/** The edges of an area by where they are: a point is compared only with those at its height. */
class Edges {
  #slabs: Edge[][] = Array.from({ length: SLABS }, () => []);
  #bottom: number;
  #height: number;

  constructor(corners: readonly Corner[]) {
    const ys = corners.map((one) => one.y);
    this.#bottom = Math.min(...ys);
    this.#height = Math.max(...ys) - this.#bottom || 1;
    corners.forEach((one, i) => {
      const other = corners[(i + 1) % corners.length] as Corner;
      const [low, high] = one.y < other.y ? [one, other] : [other, one];
      if (low.y === high.y) return;
      const slope = (high.x - low.x) / (high.y - low.y);
      const edge = { x: low.x, y: low.y, top: high.y, slope };
      for (let slab = this.#slabOf(low.y); slab <= this.#slabOf(high.y); slab += 1) {
        this.#slabs[slab]?.push(edge);
      }
    });
  }

  // A ray to the right crosses the edge of an area an odd number of times from within. An edge
  // that begins on the ray's line counts and one that ends there does not: no corner counts twice.
  isAround(x: number, y: number): boolean {
    let isIn = false;
    for (const edge of this.#slabs[this.#slabOf(y)] as Edge[]) {
      if (y >= edge.y && y < edge.top && x < edge.x + (y - edge.y) * edge.slope) isIn = !isIn;
    }
    return isIn;
  }

  #slabOf(y: number): number {
    const slab = Math.floor(((y - this.#bottom) / this.#height) * SLABS);
    return slab < 0 ? 0 : slab >= SLABS ? SLABS - 1 : slab;
  }
}
