import assert from "node:assert/strict";
import { test } from "node:test";
import { marked } from "../src/data/marked.ts";
import { differsAt, partingOf } from "../src/data/parting.ts";

test("words are marked wherever they stand, the longer one first, signs as they are", () => {
  const parts = marked("Tax (no. 7), taxes and the TAX no. 7", ["tax", "taxes", "no. 7"]);
  assert.deepEqual(
    parts.filter((_, i) => i % 2 === 1),
    ["Tax", "no. 7", "taxes", "TAX", "no. 7"],
  );
  assert.equal(parts.join(""), "Tax (no. 7), taxes and the TAX no. 7");
  assert.deepEqual(marked("счёт и СЧЁТ", ["счёт"]), ["", "счёт", " и ", "СЧЁТ", ""]);
  assert.deepEqual(marked("as it is", []), ["as it is"]);
});

test("runs part at the first step that is of another type, says something else, or is missing", () => {
  const steps = (...all: string[]) => all.map((beginning) => ({ type: "iteration", beginning }));
  assert.equal(partingOf([steps("a", "b", "c"), steps("a", "x", "c")]), 1);
  assert.equal(partingOf([steps("a", "b"), steps("a", "b", "c")]), 2);
  assert.equal(partingOf([steps("a"), [{ type: "tool", beginning: "a" }]]), 0);
  assert.equal(partingOf([steps("a", "b"), steps("a", "b ")]), -1);
  assert.equal(partingOf([]), -1);
  assert.equal(differsAt([steps("a", "b", "c"), steps("a", "x", "c")], 2), false);
});
