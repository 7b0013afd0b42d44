import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRoute, writeRoute } from "../src/state/route.ts";

test("an address is read as it was written", () => {
  for (const route of [
    { collection: null, record: null, field: null },
    { collection: "logs", record: null, field: "time" },
    { collection: "a/b ?", record: "id#1", field: null },
  ] as const) {
    assert.deepEqual(parseRoute(writeRoute(route)), route);
  }
});

test("what is no address of ours is the beginning", () => {
  for (const hash of ["", "#", "#/nowhere/x", "#/map/", "#/map/%E0%A4%A?by=nothing"]) {
    assert.equal(parseRoute(hash).field, null);
    assert.equal(parseRoute(hash).record, null);
  }
});
