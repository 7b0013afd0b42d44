// All points of a map, as columns.

import { IdTable } from "./id_table.ts";
import { Labels } from "./labels.ts";

/** What an answer of the gateway adds to the map. */
export interface Rows {
  readonly size: number;
  /** The ids, one after another, and where each ends. */
  readonly ids: Uint8Array;
  readonly idEnds: ArrayLike<number>;
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly type: ArrayLike<number>;
  readonly source: ArrayLike<number>;
  readonly step: ArrayLike<number>;
  /** Version of the source. */
  readonly version: ArrayLike<number>;
  /** Milliseconds since 1970; NaN where it is not known. */
  readonly time: Float64Array;
}

/** Names of sources, and the version below which their points are gone. */
export type Removals = Readonly<Record<string, number>>;

const FIRST = 1024;

/** The points of one map; a row keeps its number as long as the table lives. */
export class Points {
  readonly ids = new IdTable();
  x = new Float32Array(FIRST);
  y = new Float32Array(FIRST);
  type = new Uint32Array(FIRST);
  source = new Uint32Array(FIRST);
  step = new Int32Array(FIRST);
  version = new Int32Array(FIRST);
  time = new Float64Array(FIRST);

  constructor(
    readonly types: Labels = new Labels(),
    readonly sources: Labels = new Labels(),
  ) {}

  get size(): number {
    return this.ids.size;
  }

  /** Add rows; one whose id is there already takes its place. Returns how many were replaced. */
  add(rows: Rows, from = 0, to = rows.size): number {
    this.#reserve(this.size + to - from);
    let replaced = 0;
    for (let i = from; i < to; i += 1) {
      const start = i === 0 ? 0 : (rows.idEnds[i - 1] as number);
      const end = rows.idEnds[i] as number;
      let row = this.ids.find(rows.ids, start, end);
      if (row < 0) row = this.ids.add(rows.ids, start, end);
      else replaced += 1;
      this.x[row] = rows.x[i] as number;
      this.y[row] = rows.y[i] as number;
      this.type[row] = rows.type[i] as number;
      this.source[row] = rows.source[i] as number;
      this.step[row] = rows.step[i] as number;
      this.version[row] = rows.version[i] as number;
      this.time[row] = rows.time[i] as number;
    }
    return replaced;
  }

  /** Return a table without what left: of some sources, the points of versions below one. */
  without(removals: Removals): Points {
    const below = this.sources.words.map((word) => removals[word] ?? 0);
    const kept = new Points(this.types, this.sources);
    const one = this.#asRows();
    for (let row = 0; row < this.size; row += 1) {
      const isGone = (this.version[row] as number) < (below[this.source[row] as number] as number);
      if (!isGone) kept.add(one, row, row + 1);
    }
    return kept;
  }

  #asRows(): Rows {
    const { size, x, y, type, source, step, version, time } = this;
    const { bytes: ids, ends: idEnds } = this.ids;
    return { size, ids, idEnds, x, y, type, source, step, version, time };
  }

  #reserve(size: number): void {
    if (size <= this.x.length) return;
    const room = Math.max(size, this.x.length * 2);
    this.x = copied(new Float32Array(room), this.x);
    this.y = copied(new Float32Array(room), this.y);
    this.type = copied(new Uint32Array(room), this.type);
    this.source = copied(new Uint32Array(room), this.source);
    this.step = copied(new Int32Array(room), this.step);
    this.version = copied(new Int32Array(room), this.version);
    this.time = copied(new Float64Array(room), this.time);
  }
}

function copied<Column extends { set(other: Column): void }>(fresh: Column, old: Column): Column {
  fresh.set(old);
  return fresh;
}

/** A box around points. */
export interface Bounds {
  readonly minX: number;
  readonly minY: number;
  readonly maxX: number;
  readonly maxY: number;
}

/** Return the box around all points; nothing if there are none. */
export function boundsOf(points: Points): Bounds | null {
  if (points.size === 0) return null;
  let minX = Infinity;
  let minY = Infinity;
  let maxX = -Infinity;
  let maxY = -Infinity;
  for (let row = 0; row < points.size; row += 1) {
    const x = points.x[row] as number;
    const y = points.y[row] as number;
    if (x < minX) minX = x;
    if (x > maxX) maxX = x;
    if (y < minY) minY = y;
    if (y > maxY) maxY = y;
  }
  return { minX, minY, maxX, maxY };
}

/** Where the points of a table stood in another: interleaved x and y, and who was not there. */
export interface Origins {
  readonly places: Float32Array;
  readonly isNew: Uint8Array;
  /** Root mean square displacement, as a share of the old map's diagonal. */
  readonly movedShare: number;
  readonly moved: number;
}

/** Find for each point where it stood before; one that was nowhere stands where it is now. */
export function originsOf(fresh: Points, old: Points): Origins {
  const places = new Float32Array(fresh.size * 2);
  const isNew = new Uint8Array(fresh.size);
  const spread = new Spread();
  let squares = 0;
  let moved = 0;
  for (let row = 0; row < fresh.size; row += 1) {
    const before = fresh.ids.rowIn(old.ids, row);
    const x = (before < 0 ? fresh.x[row] : old.x[before]) as number;
    const y = (before < 0 ? fresh.y[row] : old.y[before]) as number;
    places[2 * row] = x;
    places[2 * row + 1] = y;
    if (before < 0) {
      isNew[row] = 1;
      continue;
    }
    spread.add(x, y);
    squares += ((fresh.x[row] as number) - x) ** 2 + ((fresh.y[row] as number) - y) ** 2;
    moved += 1;
  }
  const rms = Math.sqrt(squares / Math.max(1, moved));
  const diagonal = spread.diagonal;
  return { places, isNew, moved, movedShare: diagonal > 0 ? rms / diagonal : 0 };
}

/** The diagonal of a box of three standard deviations to each side, as the events measure. */
class Spread {
  #n = 0;
  #x = 0;
  #y = 0;
  #squares = 0;

  add(x: number, y: number): void {
    this.#n += 1;
    const dx = x - this.#x;
    const dy = y - this.#y;
    this.#x += dx / this.#n;
    this.#y += dy / this.#n;
    this.#squares += dx * (x - this.#x) + dy * (y - this.#y);
  }

  get diagonal(): number {
    return this.#n < 2 ? 0 : 6 * Math.sqrt(this.#squares / this.#n);
  }
}
