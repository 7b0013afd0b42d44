// Finds the nearest point: a grid over all, and a list of those that came since.

import { boundsOf, type Points } from "./points.ts";

const MOST_LATE = 4096;
const PER_CELL = 4;

/** An index over where points stand; made anew when many came or all moved. */
export class Grid {
  #starts = new Uint32Array(1);
  #rows = new Uint32Array(0);
  #side = 1;
  #minX = 0;
  #minY = 0;
  #width = 1;
  #height = 1;
  #held = 0;

  constructor(private readonly points: Points) {
    this.rebuild();
  }

  /** Put every point into its cell: a counting sort, two passes over the columns. */
  rebuild(): void {
    const { points } = this;
    const box = boundsOf(points);
    this.#held = points.size;
    this.#side = Math.max(1, Math.ceil(Math.sqrt(points.size / PER_CELL)));
    this.#minX = box?.minX ?? 0;
    this.#minY = box?.minY ?? 0;
    this.#width = (box ? box.maxX - box.minX : 0) || 1;
    this.#height = (box ? box.maxY - box.minY : 0) || 1;
    const starts = new Uint32Array(this.#side * this.#side + 1);
    const cells = new Uint32Array(points.size);
    for (let row = 0; row < points.size; row += 1) {
      const cell = this.#cell(points.x[row] as number, points.y[row] as number);
      cells[row] = cell;
      starts[cell + 1] = (starts[cell + 1] as number) + 1;
    }
    for (let cell = 1; cell < starts.length; cell += 1) {
      starts[cell] = (starts[cell] as number) + (starts[cell - 1] as number);
    }
    const next = starts.slice();
    this.#rows = new Uint32Array(points.size);
    for (let row = 0; row < points.size; row += 1) {
      const cell = cells[row] as number;
      this.#rows[next[cell] as number] = row;
      next[cell] = (next[cell] as number) + 1;
    }
    this.#starts = starts;
  }

  /** Return the nearest row within a radius for which something holds; -1 if there is none. */
  nearest(x: number, y: number, radius: number, holds: (row: number) => boolean): number {
    if (this.points.size - this.#held > MOST_LATE) this.rebuild();
    const search = new Search(this.points, x, y, radius, holds);
    const [left, right] = [this.#column(x - radius), this.#column(x + radius)];
    const [bottom, top] = [this.#line(y - radius), this.#line(y + radius)];
    for (let line = bottom; line <= top; line += 1) {
      for (let column = left; column <= right; column += 1) {
        const cell = line * this.#side + column;
        for (let i = this.#starts[cell] as number; i < (this.#starts[cell + 1] as number); i += 1) {
          search.look(this.#rows[i] as number);
        }
      }
    }
    for (let row = this.#held; row < this.points.size; row += 1) search.look(row);
    return search.best;
  }

  #cell(x: number, y: number): number {
    return this.#line(y) * this.#side + this.#column(x);
  }

  #column(x: number): number {
    return clamped(Math.floor(((x - this.#minX) / this.#width) * this.#side), this.#side);
  }

  #line(y: number): number {
    return clamped(Math.floor(((y - this.#minY) / this.#height) * this.#side), this.#side);
  }
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
