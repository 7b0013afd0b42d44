import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, shortPath } from "../src/data/names.ts";

test("a long name is shortened in its middle, its end stays", () => {
  const short = shortPath("validation_rounds_baseline_heldin__hi-1__a01.jsonl", 20);
  assert.equal(short.length, 20);
  assert.ok(short.startsWith("valida…") && short.endsWith("-1__a01.jsonl"), short);
  assert.equal(shortPath("a.csv", 20), "a.csv");
});

test("names that differ only in their middle stay different", () => {
  const names = ["parents", "bfs", "bfs-2", "path"].flatMap((kind) =>
    [1, 2, 3].map(
      (round) => `experiment_smoke_opt_round_0${round}_mining_${kind}__heldout__a01.jsonl`,
    ),
  );
  for (const most of [18, 24, 30, 40]) {
    const short = apart(names, most);
    assert.equal(new Set(short.values()).size, names.length, `${most}`);
    for (const name of names) assert.ok((short.get(name) ?? "").length <= most, short.get(name));
  }
});

test("what is told apart already is shortened as ever, and one name given twice is one", () => {
  const short = apart(["a/long/way/to/one.jsonl", "b.csv", "b.csv"], 12);
  assert.deepEqual(
    [...short],
    [
      ["a/long/way/to/one.jsonl", shortPath("a/long/way/to/one.jsonl", 12)],
      ["b.csv", "b.csv"],
    ],
  );
});

test("what no short form tells apart is told whole", () => {
  const names = ["AAAA", "BBBB"].flatMap((begin) =>
    [1, 2].map((one) => `${begin}${"-".repeat(20)}${one}${"-".repeat(20)}end`),
  );
  const short = apart([...names, `C${"-".repeat(40)}z`], 8);
  for (const name of names) assert.equal(short.get(name), name);
  assert.equal(new Set(short.values()).size, 5);
});
