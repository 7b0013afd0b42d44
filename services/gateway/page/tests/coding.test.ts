import assert from "node:assert/strict";
import { test } from "node:test";
import { Coding } from "../src/data/coding.ts";
import { kindColour, rampColour } from "../src/data/palettes.ts";
import { Points } from "../src/data/points.ts";
import { rangeOf, scaleOfNumbers, scaleOfTimes } from "../src/data/scales.ts";
import { rows } from "./rows.ts";

const DAY = 86_400_000;

test("numbers are cut at round edges, into few ranges that hold all of them", () => {
  for (const [least, most] of [
    [0, 0],
    [1, 6],
    [3, 97],
    [0, 12_345],
    [-5, 5],
  ] as const) {
    const scale = scaleOfNumbers(least, most);
    assert.ok(scale.count <= 8 && scale.count >= 1);
    assert.equal(rangeOf(scale, least), 0);
    assert.equal(rangeOf(scale, most), scale.count - 1);
    assert.equal(rangeOf(scale, scale.first + scale.width * scale.count), -1);
  }
  assert.deepEqual(scaleOfNumbers(1, 6), { first: 1, width: 1, count: 6 });
});

test("times are cut by units of time, however long they last", () => {
  const start = Date.UTC(2026, 0, 1);
  for (const lasts of [0, 5000, 3_600_000, 9 * DAY, 400 * DAY, 40_000 * DAY]) {
    const scale = scaleOfTimes(start, start + lasts);
    assert.ok(scale.count <= 8);
    assert.ok(rangeOf(scale, start) >= 0 && rangeOf(scale, start + lasts) >= 0);
  }
});

test("the legend counts every point once", () => {
  const points = new Points();
  points.add(rows(Array.from({ length: 50 }, (_, i) => ({ id: `${i}`, iteration: i }))));
  for (const field of ["type", "source", "step", "time"] as const) {
    points.types.code("iteration");
    points.sources.code("a.jsonl");
    const coding = new Coding(points, field);
    assert.equal(
      coding.entries().reduce((sum, one) => sum + one.count, 0),
      50,
    );
  }
});

test("a point beyond the ranges has all of them cut anew; one within has not", () => {
  const points = new Points();
  points.add(
    rows([
      { id: "a", iteration: 1 },
      { id: "b", iteration: 5 },
    ]),
  );
  const coding = new Coding(points, "step");
  points.add(rows([{ id: "c", iteration: 3 }]));
  assert.equal(coding.update(), false);
  points.add(rows([{ id: "d", iteration: 400 }]));
  assert.equal(coding.update(), true);
  assert.deepEqual(
    coding.entries().map((one) => one.count),
    [3, 1],
  );
});

test("what is not known has an entry of its own", () => {
  const points = new Points();
  points.add(rows([{ id: "a" }, { id: "b", timestamp: Date.UTC(2026, 1, 1) }]));
  const kinds = new Coding(points, "time").entries().map((one) => one.meaning.kind);
  assert.deepEqual(kinds, ["range", "unknown"]);
});

test("more kinds than there are codes share the last one", () => {
  const points = new Points();
  const many = Array.from({ length: 300 }, (_, i) => i);
  for (const i of many) points.sources.code(`${i}.jsonl`);
  points.add({ ...rows(many.map((i) => ({ id: `${i}` }))), source: many });
  const entries = new Coding(points, "source").entries();
  assert.equal(entries.length, 255);
  assert.deepEqual(entries[0], { code: 254, key: "*", count: 46, meaning: { kind: "others" } });
});

function luminance(parts: readonly number[]): number {
  const [red, green, blue] = parts.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: readonly number[], other: readonly number[]): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

test("every colour of a kind stands out from its ground, as WCAG asks of graphics", () => {
  for (let kind = 0; kind < 10; kind += 1) {
    assert.ok(contrast(kindColour("light", kind), [250, 250, 248]) >= 3, `light ${kind}`);
    assert.ok(contrast(kindColour("dark", kind), [14, 17, 22]) >= 3, `dark ${kind}`);
  }
});

test("a ramp goes one way in lightness, so that it is read without any colour", () => {
  for (const theme of ["light", "dark"] as const) {
    const steps = Array.from({ length: 9 }, (_, i) => luminance(rampColour(theme, i / 8)));
    const sign = theme === "light" ? -1 : 1;
    for (let i = 1; i < steps.length; i += 1) {
      assert.ok(sign * ((steps[i] as number) - (steps[i - 1] as number)) > 0, `${theme} ${i}`);
    }
  }
});
