import assert from "node:assert/strict";
import { test } from "node:test";
import { Lag } from "../src/data/queues.ts";

function queues(...told: readonly (readonly [string, string, number, number])[]) {
  const items = told.map(([stage, reads, waiting, settled_to]) => ({
    stage,
    reads,
    waiting,
    in_hand: 1,
    settled_to,
  }));
  return { collection: "logs", items };
}

test("what waits is known with how long the oldest of it has not moved", () => {
  const lag = new Lag();
  const first = lag.looked(queues(["writing", "points", 4, 10], ["writing", "models", 0, 3]), 1000);
  assert.deepEqual(first, { writing: { count: 6, seconds: 0 } });
  const second = lag.looked(
    queues(["writing", "points", 9, 10], ["writing", "models", 0, 4]),
    3000,
  );
  assert.deepEqual(second, { writing: { count: 11, seconds: 2 } });
  const third = lag.looked(queues(["writing", "points", 9, 12]), 4000);
  assert.deepEqual(third, { writing: { count: 10, seconds: 0 } });
});

test("a queue that was empty in between, or of another collection, has not stood since before", () => {
  const lag = new Lag();
  const one = queues(["writing", "points", 4, 10]);
  lag.looked(one, 0);
  const [item] = one.items;
  assert.ok(item);
  lag.looked({ ...one, items: [{ ...item, waiting: 0, in_hand: 0 }] }, 5000);
  assert.equal(lag.looked(one, 9000)["writing"]?.seconds, 0);
  assert.equal(lag.looked(one, 9500)["writing"]?.seconds, 0.5);
  assert.equal(lag.looked({ ...one, collection: "other" }, 9900)["writing"]?.seconds, 0);
});
