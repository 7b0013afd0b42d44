import assert from "node:assert/strict";
import { test } from "node:test";
import { box, rowsInside, thinned } from "../src/data/areas.ts";
import { ChosenByIds, ChosenByRows, mainSource } from "../src/data/chosen.ts";
import { HIDDEN, LIT, Marks } from "../src/data/marks.ts";
import { Points } from "../src/data/points.ts";
import { rows as rowsOf } from "./rows.ts";

function scattered(count: number, seed = 1): Points {
  let state = seed;
  const next = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const points = new Points();
  const rows = Array.from({ length: count }, (_, i) => ({
    id: `p${i}`,
    x: next(),
    y: next(),
    timestamp: i % 5 === 0 ? null : i,
  }));
  points.add(rowsOf(rows));
  return points;
}

test("an area has the points that a plain count of turns has", () => {
  const points = scattered(3000);
  const star = Array.from({ length: 10 }, (_, i) => {
    const [turn, far] = [(i * Math.PI) / 5, i % 2 === 0 ? 0.45 : 0.15];
    return { x: 0.5 + far * Math.cos(turn), y: 0.5 + far * Math.sin(turn) };
  });
  const found = new Set(rowsInside(points, star, () => true));
  for (let row = 0; row < points.size; row += 1) {
    const at = { x: points.x[row] as number, y: points.y[row] as number };
    // Another rule than that of the program: how far one turns while walking along the edge.
    let turned = 0;
    star.forEach((one, i) => {
      const other = star[(i + 1) % star.length] as typeof one;
      const angles = [one, other].map((end) => Math.atan2(end.y - at.y, end.x - at.x));
      const turn = (angles[1] as number) - (angles[0] as number);
      turned += Math.atan2(Math.sin(turn), Math.cos(turn));
    });
    assert.equal(found.has(row), Math.abs(turned) > 1, `row ${row}`);
  }
  assert.ok(found.size > 200);
});

test("what is not shown is in no area", () => {
  const points = scattered(50);
  const all = box({ x: -1, y: -1 }, { x: 2, y: 2 });
  assert.deepEqual(
    [...rowsInside(points, all, (row) => row % 7 === 0)],
    [0, 7, 14, 21, 28, 35, 42, 49],
  );
});

test("a long line keeps its shape with few corners", () => {
  const line = Array.from({ length: 1000 }, (_, i) => ({ x: i, y: -i }));
  assert.ok(thinned(line).length <= 64);
  assert.deepEqual(thinned(line)[0], line[0]);
  assert.equal(thinned(line.slice(0, 30)).length, 30);
});

test("what was chosen is found again among other rows, without what left", () => {
  const old = scattered(100);
  const fresh = new Points(old.types, old.sources);
  const rows = [60, 3, 200, 41].map((i) => ({ id: `p${i}`, x: 0, y: 0 }));
  fresh.add(rowsOf(rows));
  const byRows = new ChosenByRows(old, Uint32Array.of(3, 50, 60));
  assert.equal(byRows.idAt(1), "p50");
  assert.deepEqual([...byRows.rowsIn(fresh)], [1, 0]);
  assert.deepEqual([byRows.size, byRows.idAt(0)], [2, "p3"]);
  const byIds = new ChosenByIds(["p41", "p7", "p60"]);
  assert.deepEqual([...byIds.rowsIn(fresh)], [3, 0]);
});

test("marks follow what is lit, the span, and what comes", () => {
  const points = scattered(20);
  const marks = new Marks(points);
  marks.light(Uint32Array.of(1, 4));
  marks.within({ values: () => points.time, from: 3, to: 6 });
  const shown = () => [...Array(points.size).keys()].filter((row) => !marks.isHidden(row));
  assert.deepEqual(shown(), [3, 4, 6]); // 5 has no time
  assert.equal(marks.inSpan, 3);
  assert.deepEqual([marks.flags[1], marks.flags[4]], [LIT | HIDDEN, LIT]);
  points.add(rowsOf([{ id: "new", timestamp: 5 }]));
  marks.update();
  assert.deepEqual(shown(), [3, 4, 6, 20]);
  marks.light(null);
  marks.within(null);
  assert.equal(shown().length, 21);
  assert.ok(marks.flags.subarray(0, 21).every((one) => one === 0));
});

test("room that was made keeps what is there, and what comes finds its place", () => {
  const points = scattered(700);
  points.reserve(5000);
  const more = Array.from({ length: 3000 }, (_, i) => ({ id: `q${i}`, x: i, y: -i }));
  points.add(rowsOf(more));
  points.reserve(10);
  assert.equal(points.size, 3700);
  for (const [id, row] of [
    ["p0", 0],
    ["p699", 699],
    ["q0", 700],
    ["q2999", 3699],
  ] as const) {
    assert.equal(points.ids.findText(id), row);
    assert.equal(points.ids.textOf(row), id);
  }
  assert.equal(points.ids.findText("q3000"), -1);
  assert.deepEqual([points.x[3699], points.y[3699]], [2999, -2999]);
  assert.equal(points.add(rowsOf([{ id: "p5", x: 9 }])), 1);
});

test("a part of the map that is nearly all from one source says so", () => {
  const points = new Points();
  const from = (count: number, filename: string) =>
    Array.from({ length: count }, (_, i) => ({ id: `${filename}-${i}`, x: 0, y: 0, filename }));
  const made = [...from(9, "a.jsonl"), ...from(2, "b.jsonl")];
  points.add({ ...rowsOf(made), source: made.map((one) => points.sources.code(one.filename)) });
  const all = Uint32Array.from({ length: 11 }, (_, i) => i);
  assert.deepEqual(mainSource(points, all), { name: "a.jsonl", share: 9 / 11 });
  assert.deepEqual(mainSource(points, all.subarray(0, 5)), { name: "a.jsonl", share: 1 });
  assert.equal(mainSource(points, all.subarray(5)), null);
  assert.equal(mainSource(points, all.subarray(0, 1)), null);
});
