import assert from "node:assert/strict";
import { test } from "node:test";
import type { IncompleteSource } from "../src/api/schema.ts";
import { whyIncomplete } from "../src/ui/why_incomplete.ts";

const SINCE = "2026-03-01T12:00:00Z";

function told(why: string | null, afterMinutes: number, filename = "run.jsonl"): string {
  const one: IncompleteSource = { filename, why, reason: "in its own words", since: SINCE };
  return whyIncomplete(one, Date.parse(SINCE) + afterMinutes * 60_000);
}

test("of a source that lacks its end the likely cause is told: by how long, and by its name", () => {
  assert.match(told("no_json_at_end", 9), /not complete JSON.* still being written: wait/);
  assert.match(told("no_json_at_end", 11), /since .+, so it was probably cut off/);
  assert.match(told("no_json_at_end", 11, "people.CSV"), /of another format: upload it/);
  assert.match(told("no_final_answer", 9), /still going on: wait/);
  assert.match(told("no_final_answer", 11, "people.csv"), /ended without one: set /);
});

test("of a source that has one cause that is told, and of a new one what the service says", () => {
  assert.match(told("no_sidecar", 11), /is missing\. Write that file/);
  assert.equal(told("no_such_reason", 11), "in its own words");
  assert.equal(told(null, 11), "in its own words");
});
