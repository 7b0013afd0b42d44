import assert from "node:assert/strict";
import { test } from "node:test";
import { between, bounded, fit, panned, toMap, toScreen, zoomed } from "../src/map/camera.ts";
import { eased } from "../src/map/motion.ts";

const SIZE = { width: 800, height: 600 };
const BOX = { minX: -2, minY: -1, maxX: 4, maxY: 3 };

function near(got: number, wanted: number): void {
  assert.ok(Math.abs(got - wanted) < 1e-9, `${got} is not ${wanted}`);
}

test("all of the map is seen at first, with room around it", () => {
  const view = fit(BOX, SIZE);
  const corners = [
    [BOX.minX, BOX.minY],
    [BOX.maxX, BOX.maxY],
  ] as const;
  for (const [x, y] of corners) {
    const place = toScreen(view, SIZE, x, y);
    assert.ok(place.x > 20 && place.x < 780 && place.y > 20 && place.y < 580);
  }
});

test("a single point is seen in the middle", () => {
  const view = fit({ minX: 5, minY: 5, maxX: 5, maxY: 5 }, SIZE);
  assert.deepEqual(toScreen(view, SIZE, 5, 5), { x: 400, y: 300 });
  assert.ok(Number.isFinite(view.scale));
});

test("what is at a pixel stays there when one zooms at it", () => {
  const view = fit(BOX, SIZE);
  const before = toMap(view, SIZE, 123, 456);
  const after = toMap(zoomed(view, SIZE, 3.7, 123, 456), SIZE, 123, 456);
  near(after.x, before.x);
  near(after.y, before.y);
});

test("the map follows the hand, up is up", () => {
  const view = fit(BOX, SIZE);
  const place = toScreen(panned(view, 30, -20), SIZE, 1, 1);
  const before = toScreen(view, SIZE, 1, 1);
  near(place.x - before.x, 30);
  near(place.y - before.y, -20);
  assert.ok(toScreen(view, SIZE, 1, 2).y < before.y);
});

test("nobody gets lost: the view stays on the map", () => {
  const whole = fit(BOX, SIZE);
  const far = bounded({ x: 1e6, y: -1e6, scale: 1e-9 }, whole, BOX);
  assert.deepEqual([far.x, far.y, far.scale], [4, -1, whole.scale / 2]);
});

test("a flight ends where it is to end", () => {
  const [from, to] = [fit(BOX, SIZE), { x: 1, y: 2, scale: 999 }];
  assert.deepEqual(between(from, to, eased(0)), from);
  const end = between(from, to, eased(1));
  near(end.x, 1);
  near(end.scale, 999);
});
