import assert from "node:assert/strict";
import { test } from "node:test";
import type { WholeRecord } from "../src/api/schema.ts";
import { Points } from "../src/data/points.ts";
import { RecordCache } from "../src/state/record_cache.ts";
import { answer, read } from "./rows.ts";

/** A gateway that notes what it is asked. */
class Asked {
  readonly of: (string | undefined)[][] = [];

  async record(collection: string, id: string, source?: string): Promise<WholeRecord> {
    this.of.push([collection, id, source]);
    return { id, collection } as WholeRecord;
  }
}

test("a record is asked for by the source of its point, and once", async () => {
  const points = new Points();
  await read(
    points,
    answer([
      { id: "a1", filename: "a/ü.jsonl" },
      { id: "b1", filename: "b.jsonl" },
      { id: "b2", filename: "b.jsonl" },
    ]),
  );
  const gateway = new Asked();
  const records = new RecordCache(gateway, (id) => points.sourceOf(id));

  for (const id of ["b2", "a1", "b2", "gone"]) await records.get("logs", id);

  assert.deepEqual(gateway.of, [
    ["logs", "b2", "b.jsonl"],
    ["logs", "a1", "a/ü.jsonl"],
    ["logs", "gone", undefined],
  ]);
});

test("what was asked for before the map was replaced is not known afterwards", async () => {
  const late: ((record: WholeRecord) => void)[] = [];
  const record = () => new Promise<WholeRecord>((done) => late.push(done));
  const records = new RecordCache({ record }, () => undefined);
  const before = records.get("logs", "a");
  records.clear();
  const after = records.get("logs", "a");

  late[1]?.({ text: "new" } as WholeRecord);
  await after;
  late[0]?.({ text: "old" } as WholeRecord);

  assert.equal((await before).text, "old");
  assert.equal((await records.get("logs", "a")).text, "new");
  assert.equal(late.length, 2);
});
