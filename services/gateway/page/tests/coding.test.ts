import assert from "node:assert/strict";
import { test } from "node:test";
import { Coding } from "../src/data/coding.ts";
import { KIND_COLOURS, kindColour, rampColour, unknownColour } from "../src/data/palettes.ts";
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

test("numbers that are not whole lie in a range, however they are rounded", () => {
  let state = 7;
  const next = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  for (let i = 0; i < 5000; i += 1) {
    const size = 10 ** Math.floor(next() * 20 - 10);
    const least = Math.round((next() - 0.5) * 100) * size;
    const most = least + Math.round(next() * 100) * size * (next() < 0.5 ? 1 : 0.1);
    const scale = scaleOfNumbers(least, most, false);
    assert.ok(scale.count >= 1 && scale.count <= 9, `${least} ${most}`);
    assert.ok(rangeOf(scale, least) >= 0, `${least} of ${JSON.stringify(scale)}`);
    assert.ok(rangeOf(scale, most) >= 0, `${most} of ${JSON.stringify(scale)}`);
  }
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
  for (let kind = 0; kind < KIND_COLOURS; kind += 1) {
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

test("the kinds with most points have colours of their own, and keep them when others come", () => {
  const points = new Points();
  const named = (from: number, counts: readonly number[]) =>
    counts.flatMap((count, kind) => Array(count).fill(from + kind) as number[]);
  const counts = Array.from({ length: 20 }, (_, kind) => kind + 1);
  for (const kind of counts) points.types.code(`kind ${kind}`);
  const first = named(0, counts);
  points.add({ ...rows(first.map((_, i) => ({ id: `a${i}` }))), type: first });
  const coding = new Coding(points, "type");
  const colours = () => counts.map((_, code) => `${coding.colour(code, "light")}`);
  const before = colours();
  const own = before.slice(-KIND_COLOURS);
  assert.equal(new Set(own).size, KIND_COLOURS);
  assert.deepEqual(new Set(before.slice(0, -KIND_COLOURS)), new Set([`${unknownColour("light")}`]));

  points.types.code("late");
  const late = named(20, [500]);
  points.add({ ...rows(late.map((_, i) => ({ id: `b${i}` }))), type: late });
  coding.update();
  assert.deepEqual(colours(), before);
  assert.deepEqual(coding.colour(20, "light"), unknownColour("light"));
  assert.deepEqual(colours(), before);
  assert.deepEqual(
    counts.map((_, code) => `${new Coding(points, "type").colour(code, "light")}`),
    before,
  );
});

// How people see who lack one kind of cone: Machado, Oliveira and Fernandes (2009), severity 1.
const VISIONS = {
  all: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  noReds: [0.152, 1.053, -0.205, 0.115, 0.786, 0.099, -0.004, -0.048, 1.052],
  noGreens: [0.367, 0.861, -0.228, 0.28, 0.673, 0.047, -0.012, 0.043, 0.969],
  noBlues: [1.256, -0.077, -0.179, -0.078, 0.931, 0.148, 0.005, 0.691, 0.304],
};

function seen(colour: readonly number[], vision: readonly number[]): number[] {
  const light = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const times = (matrix: readonly number[], vector: readonly number[]) =>
    [0, 3, 6].map((row) =>
      [0, 1, 2].reduce((sum, i) => sum + (matrix[row + i] ?? 0) * (vector[i] ?? 0), 0),
    );
  const shown = times(vision, light).map((part) => Math.min(1, Math.max(0, part)));
  const cones = times(
    [0.4122, 0.5363, 0.0514, 0.2119, 0.6807, 0.1074, 0.0883, 0.2817, 0.63],
    shown,
  );
  return times(
    [0.2105, 0.7936, -0.0041, 1.978, -2.4286, 0.4506, 0.0259, 0.7828, -0.8087],
    cones.map(Math.cbrt),
  );
}

test("kinds are told apart from each other and from what is not known, whatever one's eyes", () => {
  for (const theme of ["light", "dark"] as const) {
    const kinds = Array.from({ length: KIND_COLOURS }, (_, kind) => kindColour(theme, kind));
    const colours = [...kinds, unknownColour(theme)];
    for (const [name, vision] of Object.entries(VISIONS)) {
      const places = colours.map((colour) => seen(colour, vision));
      places.forEach((one, i) => {
        for (const [j, other] of places.slice(0, i).entries()) {
          const distance = Math.hypot(...one.map((part, k) => part - (other[k] ?? 0)));
          assert.ok(distance > 0.07, `${theme}, ${name}: ${i} and ${j} are ${distance} apart`);
        }
      });
    }
  }
});
