// Finds the nearest point: a grid over all, and a list of those that came since.

import { type Bounds, boundsOf, type Points } from "./points.ts";
import { Slices } from "./slices.ts";

const MOST_LATE = 4096;
const PER_CELL = 4;
const SOME = 2048;

/** An index over where points stand; made anew, in slices, when many came or all moved. */
export class Grid {
  #cells: Cells | null = null;
  #isBuilding = false;
  #isOutdated = false;

  constructor(private readonly points: Points) {}

  /** How many points stand on a unit of area where most of them do; null: not known yet. */
  get perArea(): number | null {
    const cells = this.#cells;
    return cells && cells.held > 0 ? (cells.perArea * this.points.size) / cells.held : null;
  }

  /** Put every point into its cell; until that is done, what was known is. */
  async rebuild(): Promise<void> {
    this.#isOutdated = true;
    if (this.#isBuilding) return;
    this.#isBuilding = true;
    while (this.#isOutdated) {
      this.#isOutdated = false;
      this.#cells = await cellsOf(this.points);
    }
    this.#isBuilding = false;
  }

  /** Return the nearest row within a radius for which something holds; -1 if there is none. */
  nearest(x: number, y: number, radius: number, holds: (row: number) => boolean): number {
    const search = new Search(this.points, x, y, radius, holds);
    this.#around(x, y, radius, (row) => search.look(row));
    return search.best;
  }

  /** Count the rows within a radius for which something holds. */
  count(x: number, y: number, radius: number, holds: (row: number) => boolean): number {
    let count = 0;
    this.#around(x, y, radius, (row) => {
      const dx = (this.points.x[row] as number) - x;
      const dy = (this.points.y[row] as number) - y;
      if (dx * dx + dy * dy <= radius * radius && holds(row)) count += 1;
    });
    return count;
  }

  /** Look at every row that may be within a radius. */
  #around(x: number, y: number, radius: number, look: (row: number) => void): void {
    const cells = this.#cells;
    if (!cells) return;
    if (this.points.size - cells.held > MOST_LATE && !this.#isBuilding) void this.rebuild();
    const [left, right] = [cells.column(x - radius), cells.column(x + radius)];
    const [bottom, top] = [cells.line(y - radius), cells.line(y + radius)];
    for (let line = bottom; line <= top; line += 1) {
      for (let column = left; column <= right; column += 1) {
        const cell = line * cells.side + column;
        const end = cells.starts[cell + 1] as number;
        for (let i = cells.starts[cell] as number; i < end; i += 1) look(cells.rows[i] as number);
      }
    }
    for (let row = cells.held; row < this.points.size; row += 1) look(row);
  }
}

/** Which rows are in which cell of a square of cells around all points. */
class Cells {
  readonly side: number;
  readonly starts: Uint32Array;
  readonly rows: Uint32Array;
  /** How many are in a cell: half of the points have at most so many with them. */
  middle = 0;
  readonly #box: Bounds;
  readonly #width: number;
  readonly #height: number;

  constructor(
    readonly held: number,
    box: Bounds | null,
  ) {
    this.side = Math.max(1, Math.ceil(Math.sqrt(held / PER_CELL)));
    this.#box = box ?? { minX: 0, minY: 0, maxX: 0, maxY: 0 };
    this.#width = this.#box.maxX - this.#box.minX || 1;
    this.#height = this.#box.maxY - this.#box.minY || 1;
    this.starts = new Uint32Array(this.side * this.side + 1);
    this.rows = new Uint32Array(held);
  }

  /** Points per unit of area, in the cell of the point of the middle: far ones do not count. */
  get perArea(): number {
    const area = (this.#width / this.side) * (this.#height / this.side);
    return this.middle / area;
  }

  column(x: number): number {
    return clamped(Math.floor(((x - this.#box.minX) / this.#width) * this.side), this.side);
  }

  line(y: number): number {
    return clamped(Math.floor(((y - this.#box.minY) / this.#height) * this.side), this.side);
  }
}

/** Sort points into cells: a counting sort, two passes over the columns. */
async function cellsOf(points: Points): Promise<Cells> {
  const slices = new Slices();
  const cells = new Cells(points.size, boundsOf(points));
  const { held, starts, rows } = cells;
  const found = new Uint32Array(held);
  for (let row = 0; row < held; row += 1) {
    if (row % SOME === 0) await slices.rest;
    const [x, y] = [points.x[row] as number, points.y[row] as number];
    const cell = cells.line(y) * cells.side + cells.column(x);
    found[row] = cell;
    starts[cell + 1] = (starts[cell + 1] as number) + 1;
  }
  for (let cell = 1; cell < starts.length; cell += 1) {
    starts[cell] = (starts[cell] as number) + (starts[cell - 1] as number);
  }
  cells.middle = middleOf(starts, held);
  const next = starts.slice();
  for (let row = 0; row < held; row += 1) {
    if (row % SOME === 0) await slices.rest;
    const cell = found[row] as number;
    rows[next[cell] as number] = row;
    next[cell] = (next[cell] as number) + 1;
  }
  return cells;
}

/** Say how many points share a cell with the point of the middle, by that number. */
function middleOf(starts: Uint32Array, held: number): number {
  const having = new Map<number, number>();
  for (let cell = 1; cell < starts.length; cell += 1) {
    const count = (starts[cell] as number) - (starts[cell - 1] as number);
    if (count > 0) having.set(count, (having.get(count) ?? 0) + count);
  }
  let passed = 0;
  for (const [count, points] of [...having].sort(([a], [b]) => a - b)) {
    passed += points;
    if (2 * passed >= held) return count;
  }
  return 0;
}

function clamped(cell: number, side: number): number {
  return cell < 0 ? 0 : cell >= side ? side - 1 : cell;
}

class Search {
  best = -1;
  #square: number;

  constructor(
    private readonly points: Points,
    private readonly x: number,
    private readonly y: number,
    radius: number,
    private readonly holds: (row: number) => boolean,
  ) {
    this.#square = radius * radius;
  }

  look(row: number): void {
    const dx = (this.points.x[row] as number) - this.x;
    const dy = (this.points.y[row] as number) - this.y;
    const square = dx * dx + dy * dy;
    if (square <= this.#square && this.holds(row)) {
      this.#square = square;
      this.best = row;
    }
  }
}
