// What comes late: answers that others have overtaken, of what nobody looks at any more.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Client } from "../src/api/client.ts";
import { SourceClient } from "../src/api/source_client.ts";
import { SystemClient } from "../src/api/system_client.ts";
import { Points } from "../src/data/points.ts";
import { Columns } from "../src/state/columns.ts";
import { Fetching } from "../src/state/fetching.ts";
import { Polling } from "../src/state/polling.ts";
import { Regions } from "../src/state/regions.ts";
import { SourceDesk } from "../src/state/sources.ts";
import { Store } from "../src/state/store.ts";
import { System } from "../src/state/system.ts";
import { rows } from "./rows.ts";

interface Question {
  readonly path: string;
  answer(told: unknown, status?: number): void;
}

/** What is asked of the gateway; each waits for its answer. */
let asked: Question[] = [];

globalThis.fetch = (path) =>
  new Promise<Response>((done) => {
    const answer = (told: unknown, status = 200) =>
      done(new Response(JSON.stringify(told), { status }));
    asked.push({ path: String(path), answer });
  });

beforeEach(() => {
  asked = [];
});

/** Let all that was begun come to its end. */
const soon = () => new Promise<void>((done) => setImmediate(done));

/** Take out what was asked so far. */
function taken(): readonly Question[] {
  return asked.splice(0);
}

/** Answer what was asked with lists of nothing, but where something else is said. */
async function answered(
  questions: readonly Question[],
  told: Readonly<Record<string, unknown>> = {},
) {
  for (const one of questions) {
    const [, own] = Object.entries(told).find(([part]) => one.path.includes(part)) ?? [];
    one.answer(own ?? { items: [], uploaded_bytes: 0, next_after: null });
  }
  await soon();
}

function storeOf(collection = "ours"): Store {
  const store = new Store();
  const session = { needs_token: true, name: "anna", role: "operate" as const };
  store.set({ collection, session });
  return store;
}

function systemOf() {
  const store = storeOf();
  const system = new System(store, new SystemClient(), async () => {});
  return { store, system, told: () => store.state.system };
}

function deskOf() {
  const store = storeOf();
  const desk = new SourceDesk(store, new SourceClient());
  return { store, desk, told: () => store.state.sources };
}

const letters = (...sequences: number[]) => ({
  "dead-letters": { items: sequences.map((sequence) => ({ sequence })), total: sequences.length },
});
const listed = (count: number) => ({
  "/sources": {
    items: Array.from({ length: count }, (_, i) => ({ source_id: `${i}`, filename: `${i}` })),
    uploaded_bytes: 0,
    next_after: null,
  },
});

test("what was opened again while an answer was awaited is looked at once, not twice", async () => {
  Object.assign(globalThis, { document: { visibilityState: "visible" } });
  const waiting: (() => void)[] = [];
  const look = () => new Promise<void>((done) => waiting.push(done));
  const polling = new Polling(look, () => 0);
  polling.open();
  polling.close();
  polling.open();
  for (let turn = 0; turn < 5; turn += 1) {
    for (const done of waiting.splice(0)) done();
    await new Promise((done) => setTimeout(done, 5));
  }
  polling.close();
  assert.equal(waiting.length, 1);
});

test("an older look at the system does not show again what was dropped since", async () => {
  const { system, told } = systemOf();
  void system.look();
  const older = taken();
  const dropped = system.drop({ sequences: [7] }, () => ({ isGood: true, text: "dropped" }));
  await answered(taken(), { drop: { letters: 1 } });
  await answered(taken(), letters(8));
  await answered(older, letters(7, 8));
  await dropped;
  assert.deepEqual(
    told().letters?.items.map((one) => one.sequence),
    [8],
  );
});

test("nothing is said of a command before what it changed is shown", async () => {
  const { system, told } = systemOf();
  const dropped = system.drop({ sequences: [7] }, () => ({ isGood: true, text: "dropped" }));
  await answered(taken(), { drop: { letters: 1 } });
  const own = taken();
  void system.look(); // it overtakes the look of the command
  const newer = taken();
  await answered(own, letters(7, 8));
  assert.equal(told().outcome, null);
  await answered(newer, letters(8));
  await dropped;
  assert.equal(told().outcome?.text, "dropped");
  assert.equal(told().letters?.items.length, 1);
});

test("a command ends also if one has gone to another collection, and looks no more", async () => {
  const { system, told } = systemOf();
  const dropped = system.drop({ sequences: [7] }, () => ({ isGood: true, text: "dropped" }));
  await answered(taken(), { drop: { letters: 1 } });
  const own = taken();
  system.leave();
  await answered(own, letters(8));
  await dropped;
  assert.equal(told().isBusy, false);
  assert.equal(told().letters, null);
});

test("a trouble stays told while one looks again", async () => {
  const { system, told } = systemOf();
  void system.look();
  for (const one of taken()) one.answer({ detail: "it is full" }, 500);
  await soon();
  assert.equal(told().trouble, "it is full");
  void system.look();
  assert.equal(told().trouble, "it is full");
  await answered(taken());
  assert.equal(told().trouble, null);
});

test("of another collection nothing is left that could be asked for by mistake", async () => {
  const { store, system, told } = systemOf();
  void system.look();
  await answered(taken(), letters(7));
  system.ask({ title: "", text: "", action: "", isGrave: true, act: () => assert.fail() });
  void system.look();
  store.set({ collection: "theirs" });
  system.leave();
  assert.equal(told().letters, null);
  await answered(taken(), letters(7));
  assert.equal(told().letters, null);
  system.answer(true);
});

test("the letter that was asked for last is shown, whichever comes last", async () => {
  const { system, told } = systemOf();
  void system.show(1);
  void system.show(2);
  const [first, second] = taken();
  second?.answer({ sequence: 2 });
  await soon();
  first?.answer({ sequence: 1 });
  await soon();
  assert.equal(told().letter?.sequence, 2);
  assert.equal(told().isBusy, false);
});

test("a log stays open, or closed, whatever was asked for before", async () => {
  const { desk, told } = deskOf();
  void desk.look();
  const before = taken();
  void desk.showLog("a");
  const [question] = taken();
  await answered(before);
  assert.equal(told().log?.job, "a");
  question?.answer({ log: [{ at: "", line: "it began" }] });
  await soon();
  assert.equal(told().log?.lines.length, 1);
  const after = taken(); // asks for the log, too
  assert.ok(after.some((one) => one.path.endsWith("/a")));
  void desk.showLog(null);
  await answered(after);
  assert.equal(told().log, null);
});

test("more rows come, whoever looks meanwhile", async () => {
  const { desk, told } = deskOf();
  void desk.look();
  await answered(taken(), listed(50));
  void desk.more();
  const own = taken();
  void desk.look();
  const newer = taken();
  await answered(own, listed(100));
  await answered(newer, listed(100));
  const limits = [...own, ...newer]
    .filter((one) => one.path.includes("/sources?"))
    .map((one) => new URLSearchParams(one.path.split("?")[1]).get("limit"));
  assert.deepEqual(limits, ["100", "100"]);
  assert.equal(told().rows.length, 100);
});

test("a command knows its own end, and the form need not wait for anything else", async () => {
  const { desk, told } = deskOf();
  const first = desk.command((client) => client.runSchedule("1"));
  const [one] = taken();
  const second = desk.command((client) => client.runSchedule("2"));
  const [two] = taken();
  one?.answer({ detail: "not now" }, 409);
  assert.equal(await first, false);
  assert.equal(told().isBusy, true);
  two?.answer({});
  assert.equal(await second, true); // although what is looked at then has not come
  assert.equal(told().isBusy, false);
});

test("what was typed while others were sent stays", async () => {
  const store = storeOf();
  const fetching = new Fetching(store, new SourceClient(), () => {});
  fetching.type("https://example.org/a.csv");
  const sent = fetching.send();
  fetching.type("https://example.org/b.csv");
  await answered(taken(), { "": { jobs: [{ source: "a", job: { id: "1" }, reason: null }] } });
  await sent;
  assert.equal(store.state.sources.fetching.text, "https://example.org/b.csv");
});

test("regions of a collection come, though those of another one were awaited", async () => {
  const store = storeOf();
  const regions = new Regions(store, new Client());
  void regions.refresh();
  const [theirs] = taken();
  store.set({ collection: "theirs" });
  regions.leave();
  const coming = regions.refresh();
  theirs?.answer({ detail: "it is gone" }, 404);
  await soon();
  const [ours] = taken();
  assert.ok(ours?.path.includes("theirs"));
  ours?.answer({ regions: [], model_version: 3 });
  await coming;
  assert.equal(store.state.regions?.model_version, 3);
});

test("a column of a collection is asked for, though that of another one is awaited", async () => {
  const store = storeOf();
  const points = new Points();
  points.add(rows([{ id: "a" }]));
  const columns = new Columns(
    store,
    new Client(),
    () => points,
    () => {},
  );
  columns.get("arrived_at");
  columns.leave();
  store.set({ collection: "theirs" });
  columns.get("arrived_at");
  columns.get("arrived_at");
  assert.deepEqual(
    taken().map((one) => one.path.includes("theirs")),
    [false, true],
  );
});
