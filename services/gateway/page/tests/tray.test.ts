import assert from "node:assert/strict";
import { test } from "node:test";
import type { Preview } from "../src/api/schema.ts";
import { columnsOf, hasText, type TrayItem, wishOf } from "../src/state/tray.ts";
import { type Uses, usesOf } from "../src/state/uses.ts";

function item(uses: Uses, ...sheets: readonly string[][]): TrayItem {
  const tables = sheets.map((names) => ({
    name: null,
    header: [1],
    notes: [],
    columns: names.map((name) => ({ name, filled: 1, examples: [] })),
    rows: 1,
    bad_rows: 0,
  }));
  const preview: Preview = {
    file: "a.csv",
    size_bytes: 1,
    format: "csv",
    why: "",
    facts: [],
    tables,
    skipped: [],
    warnings: [],
    bad_rows: [],
  };
  return {
    key: 1,
    file: new File(["x"], "a.csv"),
    step: { kind: "ready" },
    preview,
    uses,
    replace: false,
    replaced: null,
    keep: false,
  };
}

test("columns of all sheets are named once, in their order", () => {
  assert.deepEqual(columnsOf(item({}, ["b", "a"], ["a", "c"]).preview), ["b", "a", "c"]);
});

test("where nothing was chosen, all columns are text", () => {
  assert.deepEqual(wishOf(item({}, ["a", "b"])), { replace: false, columns: "own" });
  assert.deepEqual(wishOf(item({})), { replace: false });
});

test("what was chosen is said of each column", () => {
  assert.deepEqual(wishOf(item({ b: "context", c: "none" }, ["a", "b", "c"])), {
    replace: false,
    columns: "own",
    text_columns: ["a"],
    context_columns: ["b"],
  });
});

test("what a collection prefers is chosen at first, as far as a file has it", () => {
  const columns = ["a", "b", "c"];
  const preferred = (text: readonly string[], context: readonly string[] | null) => ({
    version: 1,
    text_columns: [...text],
    context_columns: context && [...context],
    updated_at: "",
    updated_by: "",
  });
  assert.deepEqual(usesOf(columns, null), {});
  assert.deepEqual(usesOf(columns, preferred([], null)), {});
  assert.deepEqual(usesOf(columns, preferred(["z"], null)), {});
  const all = { a: "text", b: "context", c: "context" };
  assert.deepEqual(usesOf(columns, preferred(["a", "z"], null)), all);
  assert.deepEqual(usesOf(columns, preferred(["a"], ["b"])), { ...all, c: "none" });
});

test("columns are kept for the collection if that is wanted", () => {
  const kept = wishOf({ ...item({ b: "none" }, ["a", "b"]), keep: true });
  assert.deepEqual(kept, {
    replace: false,
    columns: "kept",
    text_columns: ["a"],
    context_columns: [],
  });
});

test("without a column that makes the text nothing is handed in", () => {
  assert.equal(hasText(item({ a: "context", b: "none" }, ["a", "b"])), false);
  assert.equal(hasText(item({ a: "context" }, ["a", "b"])), true);
  assert.equal(hasText(item({})), true);
});
