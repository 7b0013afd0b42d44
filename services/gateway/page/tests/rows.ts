// Makes rows and answers for the tests.

import {
  columnFromArray,
  float32,
  int32,
  tableFromColumns,
  tableToIPC,
  timestamp,
  utf8,
} from "@uwdata/flechette";
import type { MapAnswer } from "../src/api/client.ts";
import { readRows, readTables } from "../src/data/arrow.ts";
import type { Points, Removals, Rows } from "../src/data/points.ts";

export interface Made {
  readonly id: string;
  readonly x?: number;
  readonly y?: number;
  readonly type?: string;
  readonly filename?: string;
  readonly iteration?: number;
  readonly timestamp?: number | null;
  readonly version?: number;
}

/** Write an answer of `/map` as the gateway does. */
export function answer(
  made: readonly Made[],
  head: Partial<MapAnswer["head"]> = {},
  removals: Removals = {},
): MapAnswer {
  const column = <Value>(take: (one: Made) => Value) => made.map(take);
  const columns = {
    id: columnFromArray(
      column((one) => one.id),
      utf8(),
    ),
    x: columnFromArray(
      column((one) => one.x ?? 0),
      float32(),
    ),
    y: columnFromArray(
      column((one) => one.y ?? 0),
      float32(),
    ),
    type: columnFromArray(
      column((one) => one.type ?? "iteration"),
      utf8(),
    ),
    filename: columnFromArray(
      column((one) => one.filename ?? "a.jsonl"),
      utf8(),
    ),
    iteration: columnFromArray(
      column((one) => one.iteration ?? 1),
      int32(),
    ),
    timestamp: columnFromArray(
      column((one) => one.timestamp ?? null),
      timestamp(2, "UTC"),
    ),
    source_version: columnFromArray(
      column((one) => one.version ?? 1),
      int32(),
    ),
  };
  const table = tableFromColumns(columns);
  const told = Object.entries(removals).length > 0;
  if (told) table.schema.metadata = new Map([["mapstream.removed", JSON.stringify(removals)]]);
  const bytes = tableToIPC(table, { format: "stream" });
  const { since = "1", model = 1, dataset = 1, records = null, hasMore = false } = head;
  const pieces = cut(bytes as Uint8Array);
  return { pieces, head: { since, model, dataset, records, hasMore } };
}

/** Have bytes come in pieces that have nothing to do with what they say. */
export async function* cut(bytes: Uint8Array, size = 97): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.slice(from, from + size);
}

/** Read an answer as the page does. */
export async function read(points: Points, from: MapAnswer): Promise<void> {
  for await (const table of readTables(from.pieces)) {
    for (const piece of readRows(table, points.types, points.sources)) points.add(piece);
  }
}

/** Make rows as they are read from an answer. */
export function rows(made: readonly Made[]): Rows {
  const encoded = made.map((one) => new TextEncoder().encode(one.id));
  const ids = new Uint8Array(encoded.reduce((sum, one) => sum + one.length, 0));
  let end = 0;
  const idEnds = encoded.map((one) => {
    ids.set(one, end);
    end += one.length;
    return end;
  });
  return {
    size: made.length,
    ids,
    idEnds,
    x: Float32Array.from(made, (one) => one.x ?? 0),
    y: Float32Array.from(made, (one) => one.y ?? 0),
    type: made.map(() => 0),
    source: made.map(() => 0),
    step: made.map((one) => one.iteration ?? 1),
    version: made.map((one) => one.version ?? 1),
    time: Float64Array.from(made, (one) => one.timestamp ?? Number.NaN),
  };
}
