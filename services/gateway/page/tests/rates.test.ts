import assert from "node:assert/strict";
import { test } from "node:test";
import type { Health } from "../src/api/schema.ts";
import { ratesOf, sumOf } from "../src/data/rates.ts";

function health(...counted: readonly Readonly<Record<string, number>>[]): Health {
  const instances = counted.map((one) => ({
    state: "running",
    traffic: { logs: one, other: { records_out: 1000 } },
  }));
  return {
    status: "ok",
    pipeline_running: true,
    bus: "connected",
    waits: [],
    services: { writing: instances },
  } as unknown as Health;
}

test("a rate is what was counted between two looks, of all instances of one collection", () => {
  const before = health({ records_out: 10, aged: 1, age_s: 4 }, { records_out: 5 });
  const now = health({ records_out: 30, aged: 5, age_s: 10 }, { records_out: 15 });
  const { writing, embedding } = ratesOf(before, now, "logs", 2);
  assert.deepEqual(writing, { records: 15, age: 1.5 });
  assert.deepEqual(embedding, { records: 0, age: null });
  assert.equal(sumOf(now, "writing", "logs", "records_out"), 45);
});

test("a stage that was started anew counts from its start, and never backwards", () => {
  const { writing } = ratesOf(health({ records_out: 900 }), health({ records_out: 8 }), "logs", 4);
  assert.equal(writing?.records, 2);
});
