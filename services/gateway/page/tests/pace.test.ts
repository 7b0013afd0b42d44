import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_PARTS, Pace, partsOf, stepsOf } from "../src/map/pace.ts";

test("whoever draws slowly draws fewer points at a time, and whoever is quick draws more", () => {
  const pace = new Pace();
  const first = pace.atOnce;
  for (const now of [0, 200, 400]) pace.begin(now);
  assert.equal(pace.atOnce, first / 4);
  pace.rest();
  pace.begin(90_000); // a pause is not slow
  assert.equal(pace.atOnce, first / 4);
  for (let now = 90_016; now < 90_100; now += 16) pace.begin(now);
  assert.ok(pace.atOnce > first);
});

test("every point is drawn once, whatever a picture is cut into", () => {
  for (const [points, atOnce] of [
    [0, 100],
    [99, 100],
    [1_000_000, 120_000],
    [1_000_003, 1000],
  ] as const) {
    const parts = partsOf(points, atOnce);
    assert.ok(parts >= 1 && parts <= MOST_PARTS);
    const steps = stepsOf(parts, false);
    const drawn = steps.flat().map(({ part }) => Math.max(0, Math.ceil((points - part) / parts)));
    assert.equal(
      drawn.reduce((sum, one) => sum + one, 0),
      points,
    );
  }
});

test("what is lit is drawn over what is not, and is there from the first step on", () => {
  const steps = stepsOf(3, true).map((step) => step.map(({ part, layer }) => `${layer}${part}`));
  assert.deepEqual(steps[0], ["dim0", "lit0"]);
  const order = steps.flat();
  const lastDim = order.findLastIndex((one) => one.startsWith("dim"));
  const after = order.slice(lastDim + 1).sort();
  assert.deepEqual(after, ["lit0", "lit1", "lit2"]);
  assert.deepEqual(order.filter((one) => one.startsWith("dim")).sort(), ["dim0", "dim1", "dim2"]);
});
