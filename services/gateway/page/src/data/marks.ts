// What is said of single points beside their colour: which are lit, and which are not shown.

import type { Points } from "./points.ts";

/** Bits of a point's mark. */
export const LIT = 1;
export const HIDDEN = 2;

/** A span of time on one of the columns; points outside of it are not shown. */
export interface Span {
  /** Columns grow, so they are asked for each time. */
  values(): ArrayLike<number>;
  readonly from: number;
  readonly to: number;
}

/** The marks of all points of a table. */
export class Marks {
  flags = new Uint8Array(1024);
  #marked = 0;
  #span: Span | null = null;
  #lit: Uint32Array | null = null;

  constructor(readonly points: Points) {
    this.update();
  }

  /** Which share of the points is lit, while the others are dimmed; null: none is dimmed. */
  get litShare(): number | null {
    return this.#lit && this.#lit.length / Math.max(1, this.points.size);
  }

  /** How many points are shown, as far as the span goes. */
  get inSpan(): number {
    let count = 0;
    for (let row = 0; row < this.#marked; row += 1) {
      if (((this.flags[row] as number) & HIDDEN) === 0) count += 1;
    }
    return count;
  }

  isHidden(row: number): boolean {
    return ((this.flags[row] ?? 0) & HIDDEN) !== 0;
  }

  isLit(row: number): boolean {
    return ((this.flags[row] ?? 0) & LIT) !== 0;
  }

  /** Light some rows and dim the others; with nothing, all are as ever. */
  light(rows: Uint32Array | null): void {
    for (const row of this.#lit ?? []) this.flags[row] = (this.flags[row] as number) & ~LIT;
    this.#lit = rows;
    for (const row of rows ?? []) this.flags[row] = (this.flags[row] as number) | LIT;
  }

  /** Show only what is in a span; with nothing, all. What has no time is in none. */
  within(span: Span | null): void {
    this.#span = span;
    this.#marked = 0;
    this.update();
  }

  /** Mark the points that came. */
  update(): void {
    const { size } = this.points;
    if (size > this.flags.length) {
      const flags = new Uint8Array(Math.max(size, this.flags.length * 2));
      flags.set(this.flags);
      this.flags = flags;
    }
    const span = this.#span;
    const values = span?.values() ?? [];
    for (let row = this.#marked; row < size; row += 1) {
      const kept = (this.flags[row] as number) & ~HIDDEN;
      const value = values[row] ?? Number.NaN;
      const isOutside = span !== null && !(value >= span.from && value <= span.to);
      this.flags[row] = kept | (isOutside ? HIDDEN : 0);
    }
    this.#marked = size;
  }
}
