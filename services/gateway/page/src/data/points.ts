// All points of a map, as columns.

import { IdTable } from "./id_table.ts";
import { Labels } from "./labels.ts";
import { Slices } from "./slices.ts";

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
/** Room for what may come: growing a full table takes long. */
export const HEADROOM = 1.3;
const MOST_AT_ONCE = 2048;
const SOME = 1024;

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

  /** The name of the source that a record is of; nothing if there is no such point. */
  sourceOf(id: string): string | undefined {
    const row = this.ids.findText(id);
    return row < 0 ? undefined : this.sources.words[this.source[row] as number];
  }

  /** Add rows; one whose id is there already takes its place. Returns how many were replaced. */
  add(rows: Rows): number {
    const first = this.size;
    this.#reserve(first + rows.size);
    const places = this.ids.addAll(rows.ids, rows.idEnds, rows.size);
    const added = this.size - first;
    if (added === rows.size) this.#append(rows, first);
    else this.#scatter(rows, places);
    return rows.size - added;
  }

  /** Make room for so many points at once. */
  reserve(count: number): void {
    this.#reserve(count);
    this.ids.reserve(count);
  }

  /** Return a table without what left: of some sources, the points of versions below one. */
  async without(removals: Removals): Promise<Points> {
    const below = Int32Array.from(this.sources.words, (word) => removals[word] ?? 0);
    const isGone = (row: number) =>
      (this.version[row] as number) < (below[this.source[row] as number] as number);
    let gone = 0;
    for (let row = 0; row < this.size; row += 1) if (isGone(row)) gone += 1;
    if (gone === 0) return this;
    const kept = new Points(this.types, this.sources);
    kept.reserve(Math.ceil((this.size - gone) * HEADROOM));
    const slices = new Slices();
    for (let row = 0; row < this.size; ) {
      const from = row;
      while (row < this.size && row - from < MOST_AT_ONCE && !isGone(row)) row += 1;
      if (row > from) kept.#take(this, from, row);
      while (row < this.size && isGone(row)) row += 1;
      await slices.rest;
    }
    return kept;
  }

  /** Put rows whose ids were just added behind the others. */
  #append(rows: Rows, first: number): void {
    this.x.set(rows.x, first);
    this.y.set(rows.y, first);
    this.type.set(rows.type, first);
    this.source.set(rows.source, first);
    this.step.set(rows.step, first);
    this.version.set(rows.version, first);
    this.time.set(rows.time, first);
  }

  /** Put each row into its place. */
  #scatter(rows: Rows, places: Uint32Array): void {
    for (let i = 0; i < rows.size; i += 1) {
      const row = places[i] as number;
      this.x[row] = rows.x[i] as number;
      this.y[row] = rows.y[i] as number;
      this.type[row] = rows.type[i] as number;
      this.source[row] = rows.source[i] as number;
      this.step[row] = rows.step[i] as number;
      this.version[row] = rows.version[i] as number;
      this.time[row] = rows.time[i] as number;
    }
  }

  /** Take rows of another table, whose ids are not here yet. */
  #take(other: Points, from: number, to: number): void {
    const first = this.size;
    this.#reserve(first + to - from);
    this.ids.take(other.ids, from, to);
    this.x.set(other.x.subarray(from, to), first);
    this.y.set(other.y.subarray(from, to), first);
    this.type.set(other.type.subarray(from, to), first);
    this.source.set(other.source.subarray(from, to), first);
    this.step.set(other.step.subarray(from, to), first);
    this.version.set(other.version.subarray(from, to), first);
    this.time.set(other.time.subarray(from, to), first);
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

/** Return the box around all points, or those from a row on and another box; null: none. */
export function boundsOf(points: Points, from = 0, around: Bounds | null = null): Bounds | null {
  if (points.size === 0) return null;
  let minX = around?.minX ?? Infinity;
  let minY = around?.minY ?? Infinity;
  let maxX = around?.maxX ?? -Infinity;
  let maxY = around?.maxY ?? -Infinity;
  for (let row = from; row < points.size; row += 1) {
    const x = points.x[row] as number;
    const y = points.y[row] as number;
    if (x < minX) minX = x;
    if (x > maxX) maxX = x;
    if (y < minY) minY = y;
    if (y > maxY) maxY = y;
  }
  return { minX, minY, maxX, maxY };
}

/** Where the points of a table stood in another. */
export interface Origins {
  /** Interleaved x and y. */
  readonly places: Float32Array;
  /** The rows that they had; -1: none. */
  readonly rows: Int32Array;
  /** Root mean square displacement, as a share of the old map's diagonal. */
  readonly movedShare: number;
  /** How many were not there. */
  readonly added: number;
}

/** Find for each point where it stood before; one that was nowhere stands where it is now. */
export async function originsOf(fresh: Points, old: Points): Promise<Origins> {
  const places = new Float32Array(fresh.size * 2);
  const rows = new Int32Array(fresh.size);
  const spread = new Spread();
  const slices = new Slices();
  let squares = 0;
  let added = 0;
  let before = -1;
  for (let row = 0; row < fresh.size; row += 1) {
    if (row % SOME === 0) await slices.rest;
    // Files keep their order, so it is most often the next one.
    before = fresh.ids.rowIn(old.ids, row, before + 1);
    rows[row] = before;
    const x = (before < 0 ? fresh.x[row] : old.x[before]) as number;
    const y = (before < 0 ? fresh.y[row] : old.y[before]) as number;
    places[2 * row] = x;
    places[2 * row + 1] = y;
    if (before < 0) {
      added += 1;
      continue;
    }
    spread.add(x, y);
    squares += ((fresh.x[row] as number) - x) ** 2 + ((fresh.y[row] as number) - y) ** 2;
  }
  const rms = Math.sqrt(squares / Math.max(1, fresh.size - added));
  const diagonal = spread.diagonal;
  return { places, rows, added, movedShare: diagonal > 0 ? rms / diagonal : 0 };
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
