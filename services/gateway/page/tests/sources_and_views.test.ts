import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsInside, spotOf } from "../src/data/areas.ts";
import { rowsOfSource } from "../src/data/chosen.ts";
import { Coding } from "../src/data/coding.ts";
import { Grid } from "../src/data/grid.ts";
import { Points } from "../src/data/points.ts";
import { areOthers } from "../src/state/regions.ts";
import { useOfKept, usesAsOf } from "../src/state/uses.ts";
import { answer, read } from "./rows.ts";

async function pointsOf(made: Parameters<typeof answer>[0]): Promise<Points> {
  const points = new Points();
  await read(points, answer(made));
  return points;
}

test("the points of a source are found in the order of its steps", async () => {
  const points = await pointsOf([
    { id: "b2", filename: "b", iteration: 2 },
    { id: "a1", filename: "a", iteration: 1 },
    { id: "b1", filename: "b", iteration: 1 },
  ]);
  const all = () => true;
  assert.deepEqual([...rowsOfSource(points, "b", all)], [2, 0]);
  assert.deepEqual([...rowsOfSource(points, "b", (row) => row === 0)], [0]);
  assert.deepEqual([...rowsOfSource(points, "c", all)], []);
});

test("rows of tables have no step: they are an entry of their own", async () => {
  const points = await pointsOf([
    { id: "1", iteration: 3 },
    { id: "2", iteration: 0, type: "record" },
    { id: "3", iteration: 4 },
  ]);
  const entries = new Coding(points, "step").entries();
  assert.deepEqual(
    entries.map(({ meaning, count }) => [meaning.kind, count]),
    [
      ["range", 1],
      ["range", 1],
      ["unknown", 1],
    ],
  );
  assert.equal(new Coding(points, "type").entries().length, 2);
});

test("points on one spot are counted and can be listed, those beside it are not", async () => {
  const points = await pointsOf([
    { id: "1", x: 7, y: -3 },
    { id: "2", x: 7, y: -3 },
    { id: "3", x: 7.01, y: -3 },
  ]);
  assert.deepEqual([...rowsInside(points, spotOf(points, 0), () => true)], [0, 1]);
  const grid = new Grid(points);
  await grid.rebuild();
  assert.equal(
    grid.count(7, -3, 0.001, () => true),
    2,
  );
  assert.equal(
    grid.count(7, -3, 0.1, (row) => row > 0),
    2,
  );
});

test("regions are others if one came or went, and not if they moved", () => {
  const told = (...numbers: number[]) => ({
    collection: "a",
    found_at: null,
    dataset_version: 1,
    model_version: 1,
    records: 9,
    regions: numbers.map((region) => ({
      region,
      words: [],
      x: Math.random(),
      y: 0,
      spread: 1,
      share: 0.5,
      centres: [],
    })),
  });
  assert.equal(areOthers(null, told(1)), false);
  assert.equal(areOthers(told(), told(1)), false);
  assert.equal(areOthers(told(1, 2), told(2, 1)), false);
  assert.equal(areOthers(told(1, 2), told(1, 2, 3)), true);
  assert.equal(areOthers(told(1, 2), told(1, 3)), true);
});

test("a file that takes the place of another is read by its columns", () => {
  const upload = {
    blob: "",
    job_id: "",
    size_bytes: 1,
    media_type: "",
    uploaded_at: "",
    uploaded_by: "",
    text_columns: ["text"],
    context_columns: ["who"],
    url: null,
    preferences: null,
  };
  const uses = usesAsOf(["text", "who", "other"], upload);
  assert.deepEqual(uses, { text: "text", who: "context", other: "none" });
  assert.equal(usesAsOf(["text", "b"], { ...upload, context_columns: null })["b"], "context");
  assert.deepEqual(usesAsOf(["no", "such"], upload), {});
  assert.deepEqual(usesAsOf(["text"], { ...upload, text_columns: [] }), {});
  assert.deepEqual([useOfKept("text", upload), useOfKept("who", upload)], ["text", "context"]);
  assert.equal(useOfKept("any", null), "text");
});
