// Reads the gateway's Arrow streams, record batch by record batch.

import { type Batch, type Column, type Table, tableFromIPC } from "@uwdata/flechette";
import { AwayError } from "../api/http.ts";
import { joined, messagesOf } from "./arrow_messages.ts";
import type { Labels } from "./labels.ts";
import type { Removals, Rows } from "./points.ts";

const MICROSECONDS = 1000;
const HIGH = 2 ** 32;
const END_OF_STREAM = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0);

const COLUMNS = ["id", "x", "y", "type", "filename", "iteration", "timestamp", "source_version"];

/** Read which points left the map, of which an answer of `/map` tells. */
export function readRemovals(table: Table): Removals {
  const told = table.schema.metadata?.get("mapstream.removed");
  return told ? (JSON.parse(told) as Removals) : {};
}

/** Read an answer of `/map` while it comes: a table for each piece, at least one. */
export async function* readTables(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Table> {
  let schema: Uint8Array[] | null = null;
  let hasRows = false;
  for await (const message of messagesOf(pieces)) {
    if (schema === null) {
      schema = message;
      continue;
    }
    hasRows = true;
    yield tableOf([...schema, ...message]);
  }
  if (schema === null) throw new AwayError("the gateway's answer has no beginning");
  if (!hasRows) yield tableOf(schema);
}

function tableOf(parts: readonly Uint8Array[]): Table {
  return tableFromIPC(joined([...parts, END_OF_STREAM]), { useBigInt: true });
}

/** Read all of its rows, in pieces as the gateway sent them. */
export function* readRows(table: Table, types: Labels, sources: Labels): Generator<Rows> {
  const column = (name: string): Column<unknown> => {
    const found = table.getChild(name);
    if (!found) throw new Error(`an answer without column ${name}`);
    return found;
  };
  const columns = COLUMNS.map(column);
  const pieces = columns[0]?.data.length ?? 0;
  for (let piece = 0; piece < pieces; piece += 1) {
    const [id, x, y, type, source, step, time, version] = columns.map(
      (one) => one.data[piece] as Batch<unknown>,
    ) as [Part, Part, Part, Part, Part, Part, Part, Part];
    yield {
      size: id.length,
      ids: id.values as Uint8Array,
      idEnds: (id.offsets as Int32Array).subarray(1),
      x: x.values as Float32Array,
      y: y.values as Float32Array,
      type: codes(type, types),
      source: codes(source, sources),
      step: step.values as Int32Array,
      version: version.values as Int32Array,
      time: times(time),
    };
  }
}

type Part = Batch<unknown>;

function codes(part: Part, labels: Labels): Uint32Array {
  const found = new Uint32Array(part.length);
  const source = part.values as Uint8Array;
  const offsets = part.offsets as Int32Array;
  for (let row = 0; row < part.length; row += 1) {
    found[row] = labels.codeOf(source, offsets[row] as number, offsets[row + 1] as number);
  }
  return found;
}

/** Read times by the halves of their numbers: a big integer for each would take long. */
function times(part: Part): Float64Array {
  const found = new Float64Array(part.length);
  const whole = part.values as unknown as BigInt64Array;
  const low = new Uint32Array(whole.buffer, whole.byteOffset, 2 * whole.length);
  const high = new Int32Array(whole.buffer, whole.byteOffset, 2 * whole.length);
  for (let row = 0; row < part.length; row += 1) {
    const isKnown = part.nullCount === 0 || part.isValid(row);
    const value = (high[2 * row + 1] as number) * HIGH + (low[2 * row] as number);
    found[row] = isKnown ? value / MICROSECONDS : Number.NaN;
  }
  return found;
}
