import assert from "node:assert/strict";
import { test } from "node:test";
import { changesNothing } from "../src/state/system.ts";

const STILL = {
  rms: 0,
  rms_share: 0.0004,
  centre: 0,
  centre_share: 0,
  diagonal: 1,
  explained_before: 0.2,
  explained_after: 0.2004,
};

test("a refit changes nothing if no point moves and as much is explained as before", () => {
  assert.equal(changesNothing(STILL), true);
  assert.equal(changesNothing({ ...STILL, rms_share: 0.0005 }), false);
  assert.equal(changesNothing({ ...STILL, explained_after: 0.1994 }), false);
  assert.equal(changesNothing({ ...STILL, explained_after: 0.201 }), false);
});
