import assert from "node:assert/strict";
import { test } from "node:test";
import type { Region } from "../src/api/schema.ts";
import { Points } from "../src/data/points.ts";
import { type Name, rowsOfRegion, strengths } from "../src/data/regions.ts";
import { parseRoute, writeRoute } from "../src/state/route.ts";
import { rows as rowsOf } from "./rows.ts";

const SIZE = { width: 800, height: 600 };

function region(number: number, ...centres: [number, number][]): Region {
  const places = centres.map(([x, y]) => ({ x, y }));
  return { region: number, words: ["word"], x: 0, y: 0, spread: 1, share: 0.5, centres: places };
}

function name(x: number, y: number, reach = 60): Name {
  return { x, y, width: 100, height: 20, reach };
}

test("a point belongs to the region with the nearest of all centres", async () => {
  const points = new Points();
  const places = Array.from({ length: 400 }, (_, i) => ({ x: (i % 20) - 9.5, y: i / 20 - 10 }));
  points.add(rowsOf(places.map(({ x, y }, i) => ({ id: `p${i}`, x, y, timestamp: i }))));
  const regions = [region(7, [-5, 0], [5, 5]), region(9, [0.3, -4.1])];
  let breaths = 0;
  const breath = async () => {
    breaths += 1;
  };

  const found = await rowsOfRegion(points, regions, 7, (row) => row !== 0, breath);

  // Another way than that of the program: by distances, sorted.
  const expected = places.flatMap(({ x, y }, row) => {
    const far = regions
      .flatMap((one) => one.centres.map((at) => [Math.hypot(at.x - x, at.y - y), one.region]))
      .sort((one, other) => (one[0] as number) - (other[0] as number));
    return far[0]?.[1] === 7 && row !== 0 ? [row] : [];
  });
  assert.deepEqual([...found], expected);
  assert.ok(found.length > 100 && found.length < 390);
  assert.equal(breaths, 0);
  assert.deepEqual([...(await rowsOfRegion(points, regions, 8, () => true, breath))], []);
});

test("no name lies over one of a larger region, and none leaves the map", () => {
  const seen = strengths(
    [name(400, 300), name(440, 305), name(400, 330), name(20, 300), name(300, 595)],
    SIZE,
  );

  assert.deepEqual(seen, [1, 0, 1, 0, 0]);
});

test("a name goes softly when one looks into its region", () => {
  const seen = [2, 60, 300, 450, 700].map((reach) => strengths([name(400, 300, reach)], SIZE)[0]);

  assert.deepEqual(seen, [0, 1, 1, 0.5, 0]);
});

test("an address names a region", () => {
  const route = parseRoute("#/map/default?region=4");

  assert.deepEqual(route.query, { kind: "region", region: 4 });
  assert.equal(writeRoute(route), "#/map/default?region=4");
  assert.equal(parseRoute("#/map/default?region=x").query, null);
});
