// Values of one more column of the records, by which the map can be coloured or cut.

import { type Batch, type Table, tableFromIPC } from "@uwdata/flechette";
import { Labels } from "./labels.ts";
import type { Points } from "./points.ts";
import { Slices } from "./slices.ts";

export type ColumnKind = "word" | "number" | "time";

/** Of a word: that there is none. */
export const NONE = 0xffffffff;
const MICROSECONDS = 1000;
const SOME = 4096;

type Part = Batch<unknown>;

/** The values of a column for the rows of a table; of those that came later it knows nothing. */
export class Extra {
  words = new Uint32Array(0);
  values = new Float64Array(0);
  /** Of how many rows something was told, and be it that they have no value. */
  #told = 0;

  private constructor(
    readonly kind: ColumnKind,
    private readonly points: Points,
    readonly labels: Labels = new Labels(),
  ) {
    if (kind === "word") this.words = new Uint32Array(points.size).fill(NONE);
    else this.values = new Float64Array(points.size).fill(Number.NaN);
  }

  /** Whether there are rows of which nothing was told. */
  get isBehind(): boolean {
    return this.#told < this.points.size;
  }

  /** Read an answer of `/column`, a slice at a time. */
  static async read(body: ArrayBuffer, kind: ColumnKind, points: Points): Promise<Extra> {
    const extra = new Extra(kind, points);
    const table = tableFromIPC(body, { useBigInt: true });
    const [ids, values] = ["id", "value"].map((name) => partsOf(table, name));
    for (const [place, id] of (ids ?? []).entries()) {
      await extra.#take(id, (values as readonly Part[])[place] as Part);
    }
    return extra;
  }

  /** Return the same for another table: that of a refit, say, whose rows were others here. */
  movedTo(points: Points, rows: Int32Array | null = null): Extra {
    const moved = new Extra(this.kind, points, this.labels);
    for (let row = 0; row < points.size; row += 1) {
      const before = rows ? (rows[row] ?? -1) : points.ids.rowIn(this.points.ids, row);
      if (before < 0) continue;
      moved.#told += 1;
      if (this.kind === "word") moved.words[row] = this.words[before] ?? NONE;
      else moved.values[row] = this.values[before] ?? Number.NaN;
    }
    moved.#told -= Math.min(moved.#told, Math.max(0, this.points.size - this.#told));
    return moved;
  }

  async #take(id: Part, value: Part): Promise<void> {
    const offsets = id.offsets as Int32Array;
    const read = this.#reader(value);
    const slices = new Slices();
    for (let i = 0; i < id.length; i += 1) {
      const [start, end] = [offsets[i] as number, offsets[i + 1] as number];
      const row = this.points.ids.find(id.values as Uint8Array, start, end);
      if (row >= 0) this.#told += 1;
      if (row >= 0 && (value.nullCount === 0 || value.isValid(i))) read(row, i);
      if (i % SOME === SOME - 1) await slices.rest;
    }
  }

  #reader(value: Part): (row: number, i: number) => void {
    if (this.kind === "word") {
      const source = value.values as Uint8Array;
      const ends = value.offsets as Int32Array;
      return (row, i) => {
        this.words[row] = this.labels.codeOf(source, ends[i] as number, ends[i + 1] as number);
      };
    }
    if (this.kind === "number") {
      const numbers = value.values as Float64Array;
      return (row, i) => {
        this.values[row] = numbers[i] as number;
      };
    }
    const times = value.values as unknown as BigInt64Array;
    return (row, i) => {
      this.values[row] = Number(times[i]) / MICROSECONDS;
    };
  }
}

function partsOf(table: Table, name: string): readonly Part[] {
  return (table.getChild(name)?.data ?? []) as unknown as readonly Part[];
}
