import assert from "node:assert/strict";
import { test } from "node:test";
import { AwayError } from "../src/api/http.ts";
import { readTables } from "../src/data/arrow.ts";
import { Grid } from "../src/data/grid.ts";
import { IdTable } from "../src/data/id_table.ts";
import { boundsOf, originsOf, Points } from "../src/data/points.ts";
import { answer, cut, read, rows } from "./rows.ts";

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
  const many = ["id-7", "id-5000", "é", "id-0", "", "id-4999"];
  assert.deepEqual([...ids.findAllTexts(many)], [7, 0, 4999]);
  const named = new IdTable();
  for (const id of ["é", "a", "жж", "🙂"].map((one) => bytes.encode(one)))
    named.add(id, 0, id.length);
  assert.deepEqual([...named.findAllTexts(["🙂", "nobody", "жж", "a", "é"])], [3, 2, 1, 0]);
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

test("an answer of the gateway is read as it was written", async () => {
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
  await read(points, answer(made));
  assert.deepEqual(points.types.words, ["iteration", "final"]);
  assert.deepEqual(points.sources.words, ["süd.jsonl", "b.jsonl"]);
  assert.deepEqual([...points.type.subarray(0, 3)], [0, 1, 0]);
  assert.deepEqual([...points.source.subarray(0, 3)], [0, 0, 1]);
  assert.deepEqual([points.x[0], points.y[0], points.step[0]], [0.5, -2, 7]);
  assert.equal(points.time[0], noon);
  assert.ok(Number.isNaN(points.time[1]));
});

test("what left the map is taken away, and only that", async () => {
  const points = new Points();
  const made = [
    { id: "a1", filename: "a", version: 1 },
    { id: "b1", filename: "b", version: 1, x: 7 },
    { id: "a2", filename: "a", version: 2, x: 5 },
  ];
  await read(points, answer(made));
  const kept = await points.without({ a: 2, nowhere: 9 });
  assert.deepEqual([kept.ids.textOf(0), kept.ids.textOf(1), kept.size], ["b1", "a2", 2]);
  assert.deepEqual([...kept.x.subarray(0, 2)], [7, 5]);
  assert.deepEqual([kept.ids.findText("a1"), kept.ids.findText("a2")], [-1, 1]);
  assert.equal(kept.add(rows([{ id: "a2", x: 9 }])), 1);
  assert.equal(await points.without({ b: 1 }), points);
});

test("an empty answer adds nothing", async () => {
  const points = new Points();
  await read(points, answer([]));
  assert.equal(points.size, 0);
  assert.equal(boundsOf(points), null);
});

test("points glide from where they were; new ones are told as such", async () => {
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
  const origins = await originsOf(fresh, old);
  assert.deepEqual([...origins.places], [4, 0, 1, 1, 0, 0]);
  assert.deepEqual([...origins.rows], [1, -1, 0]);
  // Two points, two units to each side of their centre: the diagonal is 6 * sqrt(4) = 12.
  assert.equal(origins.movedShare, 3 / 12);
  assert.equal(origins.added, 1);
});

test("the nearest point is found that holds, also among those that came later", async () => {
  const made = Array.from({ length: 400 }, (_, i) => ({
    id: `${i}`,
    x: i % 20,
    y: Math.floor(i / 20),
  }));
  const points = table(made);
  const grid = new Grid(points);
  await grid.rebuild();
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

test("the nearest of many is the one that a plain search finds", async () => {
  let seed = 7;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  const points = table(
    Array.from({ length: 700 }, (_, i) => ({ id: `${i}`, x: random(), y: random() ** 3 })),
  );
  const grid = new Grid(points);
  await grid.rebuild();
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

test("a long answer is read whole however it is cut, and one that breaks off is none", async () => {
  const made = Array.from({ length: 300 }, (_, i) => ({
    id: `id-${i}`,
    x: i,
    filename: `${i % 3}`,
  }));
  const bytes: Uint8Array[] = [];
  for await (const piece of answer(made).pieces) bytes.push(piece);
  const whole = Uint8Array.from(bytes.flatMap((one) => [...one]));
  for (const size of [1, 8, 1000, whole.length]) {
    const points = new Points();
    await read(points, { ...answer([]), pieces: cut(whole, size) });
    assert.deepEqual([points.size, points.x[299], points.ids.findText("id-299")], [300, 299, 299]);
    assert.deepEqual(points.sources.words, ["0", "1", "2"]);
  }
  const all = async (bytes: Uint8Array) => {
    for await (const _ of readTables(cut(bytes)));
  };
  await assert.rejects(all(whole.slice(0, -12)), AwayError);
  await assert.rejects(all(new TextEncoder().encode("<html>no map</html>")), AwayError);
});

test("words that differ only at their beginning are told apart", async () => {
  const points = new Points();
  const names = Array.from({ length: 50 }, (_, i) => `${i}/trajectory-of-the-agent.jsonl`);
  await read(points, answer(names.map((filename, i) => ({ id: `${i}`, filename }))));
  assert.deepEqual(points.sources.words, names);
  assert.deepEqual(
    [...points.source.subarray(0, 50)],
    names.map((_, i) => i),
  );
});

test("a large table without some sources is as one that never had them", async () => {
  const of = (i: number) => ({ id: `id-${i}`, x: i, filename: `f${i % 7}`, version: (i % 2) + 1 });
  const all = Array.from({ length: 40_000 }, (_, i) => of(i));
  const isGone = (one: ReturnType<typeof of>) => one.filename === "f3" && one.version === 1;
  const [points, plain] = [new Points(), new Points()];
  await read(points, answer(all));
  await read(plain, answer(all.filter((one) => !isGone(one))));
  const kept = await points.without({ f3: 2 });
  assert.equal(kept.size, plain.size);
  for (let row = 0; row < plain.size; row += 1) {
    assert.equal(kept.ids.textOf(row), plain.ids.textOf(row));
    assert.equal(kept.ids.findText(plain.ids.textOf(row)), row);
    assert.equal(kept.x[row], plain.x[row]);
    assert.equal(kept.version[row], plain.version[row]);
  }
  const origins = await originsOf(kept, points);
  assert.equal(origins.added, 0);
  assert.equal(origins.movedShare, 0);
  for (let row = 0; row < kept.size; row += 1) {
    assert.equal(points.x[origins.rows[row] as number], kept.x[row]);
  }
});
