import assert from "node:assert/strict";
import { test } from "node:test";
import { readRows, readTable } from "../src/data/arrow.ts";
import { Grid } from "../src/data/grid.ts";
import { IdTable } from "../src/data/id_table.ts";
import { boundsOf, originsOf, Points } from "../src/data/points.ts";
import { answer, rows } from "./rows.ts";

function table(made: Parameters<typeof rows>[0]): Points {
  const points = new Points();
  points.add(rows(made));
  return points;
}

test("ids are found again, also when the table has grown, and others are not", () => {
  const ids = new IdTable();
  const bytes = new TextEncoder();
  for (let i = 0; i < 5000; i += 1) {
    const id = bytes.encode(`id-${i}`);
    ids.add(id, 0, id.length);
  }
  assert.equal(ids.size, 5000);
  for (const i of [0, 1, 999, 4999]) {
    assert.equal(ids.findText(`id-${i}`), i);
    assert.equal(ids.textOf(i), `id-${i}`);
  }
  assert.equal(ids.findText("id-5000"), -1);
  assert.equal(ids.findText("id-"), -1);
});

test("an id that begins or ends as another is another", () => {
  const points = table([{ id: "a".repeat(40) }, { id: `b${"a".repeat(40)}` }]);
  assert.equal(points.size, 2);
  assert.equal(points.ids.findText("a".repeat(39)), -1);
});

test("a row that comes again takes the place of the one before", () => {
  const points = table([
    { id: "a", x: 1 },
    { id: "b", x: 2 },
  ]);
  const replaced = points.add(
    rows([
      { id: "b", x: 5 },
      { id: "c", x: 3 },
    ]),
  );
  assert.equal(replaced, 1);
  assert.deepEqual([...points.x.subarray(0, points.size)], [1, 5, 3]);
});

test("an answer of the gateway is read as it was written", () => {
  const points = new Points();
  const noon = Date.UTC(2026, 0, 1, 12);
  const made = [
    {
      id: "a",
      x: 0.5,
      y: -2,
      type: "iteration",
      filename: "süd.jsonl",
      iteration: 7,
      timestamp: noon,
    },
    { id: "b", type: "final", filename: "süd.jsonl", timestamp: null },
    { id: "c", type: "iteration", filename: "b.jsonl" },
  ];
  for (const piece of readRows(readTable(answer(made).body), points.types, points.sources))
    points.add(piece);
  assert.deepEqual(points.types.words, ["iteration", "final"]);
  assert.deepEqual(points.sources.words, ["süd.jsonl", "b.jsonl"]);
  assert.deepEqual([...points.type.subarray(0, 3)], [0, 1, 0]);
  assert.deepEqual([...points.source.subarray(0, 3)], [0, 0, 1]);
  assert.deepEqual([points.x[0], points.y[0], points.step[0]], [0.5, -2, 7]);
  assert.equal(points.time[0], noon);
  assert.ok(Number.isNaN(points.time[1]));
});

test("what left the map is taken away, and only that", () => {
  const points = new Points();
  const made = [
    { id: "a1", filename: "a", version: 1 },
    { id: "b1", filename: "b", version: 1, x: 7 },
    { id: "a2", filename: "a", version: 2, x: 5 },
  ];
  const table = readTable(answer(made).body);
  for (const piece of readRows(table, points.types, points.sources)) points.add(piece);
  const kept = points.without({ a: 2, nowhere: 9 });
  assert.deepEqual([kept.ids.textOf(0), kept.ids.textOf(1), kept.size], ["b1", "a2", 2]);
  assert.deepEqual([...kept.x.subarray(0, 2)], [7, 5]);
});

test("an empty answer adds nothing", () => {
  const points = new Points();
  for (const piece of readRows(readTable(answer([]).body), points.types, points.sources))
    points.add(piece);
  assert.equal(points.size, 0);
  assert.equal(boundsOf(points), null);
});

test("points glide from where they were; new ones are told as such", () => {
  const old = table([
    { id: "a", x: 0, y: 0 },
    { id: "b", x: 4, y: 0 },
    { id: "gone", x: 9, y: 9 },
  ]);
  const fresh = table([
    { id: "b", x: 4, y: 3 },
    { id: "new", x: 1, y: 1 },
    { id: "a", x: 0, y: 3 },
  ]);
  const origins = originsOf(fresh, old);
  assert.deepEqual([...origins.places], [4, 0, 1, 1, 0, 0]);
  assert.deepEqual([...origins.isNew], [0, 1, 0]);
  // Two points, two units to each side of their centre: the diagonal is 6 * sqrt(4) = 12.
  assert.equal(origins.movedShare, 3 / 12);
  assert.equal(origins.moved, 2);
});

test("the nearest point is found that holds, also among those that came later", () => {
  const made = Array.from({ length: 400 }, (_, i) => ({
    id: `${i}`,
    x: i % 20,
    y: Math.floor(i / 20),
  }));
  const points = table(made);
  const grid = new Grid(points);
  const all = () => true;
  assert.equal(grid.nearest(3.2, 4.1, 1, all), 4 * 20 + 3);
  assert.equal(
    grid.nearest(3.2, 4.1, 1, (row) => row !== 83),
    84,
  );
  assert.equal(grid.nearest(3.5, 4.5, 0.1, all), -1);
  points.add(rows([{ id: "late", x: 3.45, y: 4.5 }]));
  assert.equal(grid.nearest(3.5, 4.5, 0.1, all), 400);
});

test("the nearest of many is the one that a plain search finds", () => {
  let seed = 7;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  const points = table(
    Array.from({ length: 700 }, (_, i) => ({ id: `${i}`, x: random(), y: random() ** 3 })),
  );
  const grid = new Grid(points);
  for (let i = 0; i < 100; i += 1) {
    const [x, y] = [random() * 1.2 - 0.1, random() * 1.2 - 0.1];
    let best = -1;
    let least = 0.04 ** 2;
    for (let row = 0; row < points.size; row += 1) {
      const square = ((points.x[row] as number) - x) ** 2 + ((points.y[row] as number) - y) ** 2;
      if (square <= least) [best, least] = [row, square];
    }
    assert.equal(
      grid.nearest(x, y, 0.04, () => true),
      best,
    );
  }
});
