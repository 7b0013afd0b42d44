// Some points of the map, by their ids or by their rows, whatever happens to the table.

import type { Points } from "./points.ts";

/** Points that were found or selected. */
export interface Chosen {
  readonly size: number;
  idAt(place: number): string;
  /** The rows that they have in a table now; those that left are not among them. */
  rowsIn(points: Points): Uint32Array;
}

/** Points that the gateway named. */
export class ChosenByIds implements Chosen {
  constructor(private readonly ids: readonly string[]) {}

  get size(): number {
    return this.ids.length;
  }

  idAt(place: number): string {
    return this.ids[place] as string;
  }

  rowsIn(points: Points): Uint32Array {
    return points.ids.findAllTexts(this.ids);
  }
}

/** Points of a table; no id is made a string before somebody asks for it. */
export class ChosenByRows implements Chosen {
  constructor(
    private points: Points,
    private rows: Uint32Array,
  ) {}

  get size(): number {
    return this.rows.length;
  }

  idAt(place: number): string {
    return this.points.ids.textOf(this.rows[place] as number);
  }

  rowsIn(points: Points): Uint32Array {
    if (points !== this.points) {
      const old = this.points;
      this.rows = this.rows.map((row) => old.ids.rowIn(points.ids, row)).filter(isRow);
      this.points = points;
    }
    return this.rows;
  }
}

const NO_ROW = 0xffffffff; // what -1 is, as an unsigned number

function isRow(row: number): boolean {
  return row !== NO_ROW;
}

/** Return the rows that were read from a source, in the order of its records, for which something holds. */
export function rowsOfSource(
  points: Points,
  name: string,
  holds: (row: number) => boolean,
): Uint32Array {
  const source = points.sources.words.indexOf(name);
  const found: number[] = [];
  for (let row = 0; source >= 0 && row < points.size; row += 1) {
    if (points.source[row] === source && holds(row)) found.push(row);
  }
  return Uint32Array.from(found.sort((a, b) => stepOf(points, a) - stepOf(points, b)));
}

function stepOf(points: Points, row: number): number {
  return points.step[row] as number;
}

/** A source that some points are from, and the share of them that are. */
export interface MainSource {
  readonly name: string;
  readonly share: number;
}

const MOST_OF = 0.8;

/** Return the source that nearly all of some rows are from; nothing if there is none, or no other. */
export function mainSource(points: Points, rows: Uint32Array): MainSource | null {
  const counts = new Uint32Array(points.sources.words.length);
  if (counts.length < 2 || rows.length < 2) return null;
  let main = 0;
  for (const row of rows) {
    const source = points.source[row] as number;
    counts[source] = (counts[source] as number) + 1;
    if ((counts[source] as number) > (counts[main] as number)) main = source;
  }
  const share = (counts[main] as number) / rows.length;
  return share < MOST_OF ? null : { name: points.sources.words[main] as string, share };
}
