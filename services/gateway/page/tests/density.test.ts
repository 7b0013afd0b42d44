import assert from "node:assert/strict";
import { test } from "node:test";
import { Grid } from "../src/data/grid.ts";
import { Points } from "../src/data/points.ts";
import { type Density, opacityOf, piledOf, thinnedBy } from "../src/map/density.ts";
import { rows } from "./rows.ts";

function pointsAt(places: readonly (readonly [number, number])[]): Points {
  const points = new Points();
  points.add(rows(places.map(([x, y], i) => ({ id: `${i}`, x, y }))));
  return points;
}

function perAreaOf(grid: Grid): number {
  return grid.perArea ?? Number.NaN;
}

const strength = (piled: number | null, density: Density = "auto", count = 1000) =>
  opacityOf({ count, piled, density });

test("the more lie on each other, the fainter each is, and a pile is as strong as one", () => {
  const some = [0, 0.5, 1, 3, 10, 30].map((piled) => strength(piled));
  assert.deepEqual(
    some,
    [...some].sort((a, b) => b - a),
  );
  assert.equal(strength(0), strength(1));
  for (const piled of [1, 3, 10, 30]) {
    const pile = 1 - (1 - strength(piled)) ** piled;
    assert.ok(Math.abs(pile - strength(1)) < 1e-9, `${piled}`);
  }
  assert.ok(strength(1e6) >= 0.05);
});

test("what is chosen by hand holds however many lie on each other", () => {
  assert.equal(strength(0, "dense"), strength(100, "dense"));
  assert.equal(strength(0, "even"), strength(100, "even"));
  assert.ok(strength(0, "dense") < strength(0, "even"));
  assert.equal(strength(null), strength(5, "even"));
});

test("who looks closer sees fewer on each other, and so does who draws fewer", () => {
  assert.equal(piledOf(8, 2, 20), piledOf(8, 2, 10) / 4);
  const thinned = thinnedBy({ count: 1000, piled: 30, density: "auto" }, 10);
  assert.deepEqual(thinned, { count: 100, piled: 3, density: "auto" });
});

test("a grid tells how many stand where most do, whatever lies far off", async () => {
  const places = Array.from({ length: 10_000 }, (_, i): [number, number] => [
    (i % 100) / 100,
    Math.floor(i / 100) / 100,
  ]);
  const even = new Grid(pointsAt(places));
  assert.ok(even.perArea === null);
  await even.rebuild();
  const perArea = perAreaOf(even);
  assert.ok(perArea > 8000 && perArea < 16_000, `${perArea}`);

  const far = new Grid(pointsAt([...places, [10, 10]]));
  await far.rebuild();
  const stillPerArea = perAreaOf(far);
  assert.ok(stillPerArea > 5000 && stillPerArea < 16_000, `${stillPerArea}`);

  const spot = new Grid(pointsAt(Array.from({ length: 50 }, () => [1, 1] as const)));
  await spot.rebuild();
  assert.ok(perAreaOf(spot) > 0);
});
