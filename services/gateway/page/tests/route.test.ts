import assert from "node:assert/strict";
import { test } from "node:test";
import { PLAIN_MATCH } from "../src/state/match_view.ts";
import { NOWHERE, PLAIN_TABLE, parseRoute, type Route, writeRoute } from "../src/state/route.ts";

const ROUTES: readonly Partial<Route>[] = [
  {},
  { collection: "logs", field: "time" },
  { collection: "a/b ?", record: "id#1" },
  { collection: "a", hidden: ["=a&b=c", "0-5", "?", "=ж #"] },
  { collection: "a", aim: { x: -0.25, y: 12.5, zoom: 3 } },
  { collection: "a", query: { kind: "words", words: '"run tests" a&b+c' } },
  { collection: "a", query: { kind: "source", name: "x/y z&.csv" } },
  { collection: "a", aim: { x: 1, y: 2, zoom: 3 }, query: { kind: "view" } },
  { collection: "a", record: "ff", query: { kind: "like", id: "0f" } },
  {
    collection: "a",
    query: {
      kind: "area",
      corners: [
        { x: 0, y: 0 },
        { x: 1.5, y: 0 },
        { x: 1, y: -2 },
      ],
    },
  },
  { collection: "a", span: { of: "arrival", from: 1767225600000, to: 1767312000000 } },
  { collection: "a", pointSize: 1.75, density: "dense" },
  { collection: "a", area: "runs", runs: ["x/y.jsonl", "z"] },
  { collection: "a", area: "matches" },
  { collection: "a", area: "matches", match: { ...PLAIN_MATCH, other: "b/c &" } },
  { collection: "a", area: "matches", match: { other: "b", state: null, link: 0.95, review: 0.6 } },
  { collection: "a", area: "matches", match: { ...PLAIN_MATCH, state: "accepted", review: 0 } },
  {
    collection: "a",
    area: "runs",
    table: { sort: "steps", isDescending: true, through: { kind: "region", region: 3 } },
  },
  { collection: "a", area: "runs", table: { sort: "name", isDescending: true, through: null } },
  {
    collection: "a",
    area: "runs",
    table: { sort: "name", isDescending: false, through: { kind: "words", words: 'a "b c"' } },
  },
  {
    collection: "a",
    area: "runs",
    table: { sort: "name", isDescending: false, through: { kind: "like", id: "0a1b" } },
  },
  {
    collection: "a",
    area: "runs",
    table: {
      sort: "distance",
      isDescending: false,
      through: {
        kind: "area",
        corners: [
          { x: 0, y: 0 },
          { x: 2, y: 0.25 },
          { x: 1, y: -2 },
        ],
      },
    },
  },
  { collection: "a", field: "@attributes.a,b", span: { of: "record", from: -5, to: null } },
];

test("an address is read as it was written", () => {
  for (const some of ROUTES) {
    const route = { ...NOWHERE, ...some };
    assert.deepEqual(parseRoute(writeRoute(route)), route);
  }
});

test("what is no address of ours is the beginning", () => {
  for (const hash of ["", "#", "#/nowhere/x", "#/map/", "#/map/%E0%A4%A?by=nothing"]) {
    assert.equal(parseRoute(hash).field, null);
    assert.equal(parseRoute(hash).record, null);
  }
});

test("what makes no sense is left out", () => {
  const hash = "#/map/a?at=1,x,2&area=1,2,3&record=5&q=%20&like=&arrival=,";
  assert.deepEqual(parseRoute(hash), { ...NOWHERE, collection: "a" });
  assert.equal(parseRoute("#/map/a?at=1,2,-3").aim, null);
  assert.deepEqual(parseRoute("#/runs/a?sort=nothing-").table, PLAIN_TABLE);
  assert.deepEqual(parseRoute("#/map/a?sort=steps&region=1").table, PLAIN_TABLE);
  const sizes = ["9", "-3", "x", ""].map((one) => parseRoute(`#/map/a?size=${one}`).pointSize);
  assert.deepEqual(sizes, [2.5, 0.5, 1, 1]);
  assert.deepEqual(parseRoute("#/runs/a?source=x&view=1").table, PLAIN_TABLE);
  const odd = ["show=nothing", "link=0.5", "review=0.95", "link=2", "review=x", "link=", "with="];
  for (const one of odd) assert.deepEqual(parseRoute(`#/matches/a?${one}`).match, PLAIN_MATCH);
  assert.deepEqual(parseRoute("#/runs/a?with=b").match, PLAIN_MATCH);
  assert.equal(parseRoute("#/map/a?density=often").density, "auto");
});
