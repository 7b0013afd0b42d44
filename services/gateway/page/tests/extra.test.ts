import assert from "node:assert/strict";
import { test } from "node:test";
import {
  columnFromArray,
  float64,
  tableFromColumns,
  tableToIPC,
  timestamp,
  utf8,
} from "@uwdata/flechette";
import { Coding } from "../src/data/coding.ts";
import { Extra, NONE } from "../src/data/extra.ts";
import { histogramOf } from "../src/data/histogram.ts";
import { Points } from "../src/data/points.ts";
import { rows } from "./rows.ts";

const KINDS = { word: utf8(), number: float64(), time: timestamp(2, "UTC") };

function body(kind: keyof typeof KINDS, values: Readonly<Record<string, unknown>>): ArrayBuffer {
  const table = tableFromColumns({
    id: columnFromArray(Object.keys(values), utf8()),
    value: columnFromArray(Object.values(values), KINDS[kind]),
  });
  const bytes = tableToIPC(table, { format: "stream" }) as Uint8Array;
  return bytes.slice().buffer as ArrayBuffer;
}

function pointsOf(...ids: readonly string[]): Points {
  const points = new Points();
  points.add(rows(ids.map((id) => ({ id }))));
  return points;
}

test("values go to the points that they are of, whatever the order", async () => {
  const points = pointsOf("a", "b", "c");
  const said = { c: "red", gone: "blue", a: "red", b: null };
  const extra = await Extra.read(body("word", said), "word", points);
  assert.deepEqual([...extra.words], [0, NONE, 0]);
  assert.deepEqual(extra.labels.words, ["red"]);
  const numbers = await Extra.read(body("number", { b: 0.5, a: null }), "number", points);
  assert.deepEqual([...numbers.values], [Number.NaN, 0.5, Number.NaN]);
  const times = await Extra.read(body("time", { c: 1767225600000 }), "time", points);
  assert.equal(times.values[2], 1767225600000);
});

test("colours are those of the values, and what has none is not known", async () => {
  const points = pointsOf("a", "b", "c", "d");
  const said = { a: "ok", b: "bad", c: "ok" };
  const coding = new Coding(
    points,
    "@outcome",
    await Extra.read(body("word", said), "word", points),
  );
  const told = coding
    .entries()
    .map(({ meaning, count }) => [meaning.kind === "word" ? meaning.word : meaning.kind, count]);
  assert.deepEqual(told, [
    ["ok", 2],
    ["bad", 1],
    ["unknown", 1],
  ]);
  points.add(rows([{ id: "e" }]));
  assert.equal(coding.update(), false);
  assert.equal(coding.entries().find((one) => one.key === "?")?.count, 2);
});

test("numbers that are not whole are cut into ranges", async () => {
  const points = pointsOf("a", "b", "c");
  const said = { a: 0.001, b: 0.0052, c: 0.009 };
  const extra = await Extra.read(body("number", said), "number", points);
  const entries = new Coding(points, "@cost", extra).entries();
  assert.ok(entries.length === 3 && entries.every((one) => one.meaning.kind === "range"));
});

test("before its values come, nothing of a column is known", () => {
  const coding = new Coding(pointsOf("a", "b"), "@later", null);
  assert.deepEqual(
    coding.entries().map((one) => [one.key, one.count]),
    [["?", 2]],
  );
});

test("values stay with their points through a refit", async () => {
  const points = pointsOf("a", "b", "c");
  const extra = await Extra.read(body("number", { a: 1, b: 2, c: 3 }), "number", points);
  const moved = extra.movedTo(pointsOf("c", "x", "a"));
  assert.deepEqual([...moved.values], [3, Number.NaN, 1]);
  assert.deepEqual([extra.isBehind, moved.isBehind], [false, true]);
  points.add(rows([{ id: "d" }]));
  assert.equal(extra.isBehind, true);
});

test("a histogram counts every value that there is once", () => {
  const values = Float64Array.from([1, Number.NaN, 2, 2, 5, 5, 99]);
  const found = histogramOf(values, 6, 4);
  assert.deepEqual(found, { least: 1, most: 5, counts: [1, 2, 0, 2] });
  assert.equal(histogramOf(values.subarray(1, 2), 1, 4), null);
  assert.deepEqual(histogramOf([7, 7], 2, 2)?.counts, [2, 0]);
});
