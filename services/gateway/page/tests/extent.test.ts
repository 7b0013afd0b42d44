import assert from "node:assert/strict";
import { test } from "node:test";
import { extentOf } from "../src/data/extent.ts";
import { boundsOf, Points } from "../src/data/points.ts";
import { rows } from "./rows.ts";

function pointsAt(places: readonly (readonly [number, number])[]): Points {
  const points = new Points();
  points.add(rows(places.map(([x, y], i) => ({ id: `${i}`, x, y }))));
  return points;
}

const square = (side: number) =>
  Array.from({ length: side * side }, (_, i): [number, number] => [
    (i % side) / side,
    Math.floor(i / side) / side,
  ]);

test("a few points far off do not make the others small, and are counted", () => {
  const points = pointsAt([...square(40), [0.5, 30], [0.4, 28]]);
  const extent = extentOf(points, boundsOf(points));
  assert.equal(extent?.outside, 2);
  assert.ok((extent?.box.maxY ?? 9) < 1.1 && (extent?.box.maxY ?? 0) > 0.95);
  assert.equal(extent?.box.minX, 0);
});

test("where nothing lies far off all of the map is seen", () => {
  const points = pointsAt(square(40));
  const whole = boundsOf(points);
  assert.deepEqual(extentOf(points, whole), { box: whole, outside: 0 });
});

test("of few points each counts, and so does each of many on one spot", () => {
  const few = pointsAt([...square(10), [0.5, 30]]);
  assert.deepEqual(extentOf(few, boundsOf(few)), { box: boundsOf(few), outside: 0 });
  const spot = pointsAt([...Array.from({ length: 500 }, () => [1, 1] as const), [2, 2]]);
  assert.deepEqual(extentOf(spot, boundsOf(spot)), { box: boundsOf(spot), outside: 0 });
  assert.equal(extentOf(new Points(), null), null);
});
