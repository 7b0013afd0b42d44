import assert from "node:assert/strict";
import { test } from "node:test";
import { AwayError, RefusedError } from "../src/api/http.ts";
import {
  addressOfExport,
  MatchClient,
  type MatchWish,
  type Wish,
} from "../src/api/match_client.ts";
import type {
  CollectionInfo,
  Match,
  MatchDecision,
  Matches,
  MatchResults,
  WholeRecord,
} from "../src/api/schema.ts";
import { fits, nextOpen, PLAIN_MATCH, recounted, stateOf } from "../src/state/match_view.ts";
import { MatchDesk } from "../src/state/matches.ts";
import { Store } from "../src/state/store.ts";

const COUNTS = { linked: 4, review: 2, unmatched: 1, accepted: 0, rejected: 0 };

function pair(id: string, score: number, decision: "accept" | "reject" | null = null): Match {
  const decided = decision && decidedOf(id, decision);
  return {
    id,
    other_id: `other ${id}`,
    score,
    state: stateOf(score, PLAIN_MATCH, decided),
    texts: `texts ${id}`,
    filename: "ours.csv",
    other_filename: "theirs.csv",
    text: "",
    other_text: "",
    decided,
  };
}

function decidedOf(id: string, decision: "accept" | "reject"): MatchDecision {
  return { id, other_id: `other ${id}`, texts: `texts ${id}`, decision, at: "", by: "anna" };
}

function found(items: readonly Match[], nextAfter: number | null = null): Matches {
  return {
    collection: "ours",
    other: "theirs",
    link: 0.9,
    review: 0.7,
    records: 7,
    other_records: 9,
    counts: COUNTS,
    unused_decisions: 0,
    total: items.length,
    items,
    next_after: nextAfter,
  };
}

type Asked = MatchWish & { readonly after: number };

class FakeClient extends MatchClient {
  readonly asked: Asked[] = [];
  readonly decided: (readonly [string, string, Wish, string])[] = [];
  answer: (wish: MatchWish, after: number) => Promise<Matches> = async () =>
    found([pair("a", 0.8), pair("b", 0.75)]);
  outcome: (wish: Wish, id: string) => Promise<MatchResults> = async (wish, id) =>
    results(id, wish === "undo" ? null : decidedOf(id, wish));

  override async page(_: string, wish: MatchWish, after: number): Promise<Matches> {
    this.asked.push({ ...wish, after });
    return this.answer(wish, after);
  }

  override async decide(_: string, other: string, wish: Wish, match: Match) {
    this.decided.push([match.id, other, wish, match.texts]);
    return this.outcome(wish, match.id);
  }
}

function results(id: string, decided: MatchDecision | null, reason: string | null = null) {
  const outcome = reason === null ? ("decided" as const) : ("refused" as const);
  const item = { id, other_id: `other ${id}`, outcome, reason, decided };
  return { collection: "ours", other: "theirs", items: [item] };
}

const collection = (name: string): CollectionInfo => ({
  name,
  records: 7,
  model_version: 1,
  dataset_version: 1,
  files: {},
});

function desk(names: readonly string[] = ["ours", "theirs"], role: "operate" | "read" = "operate") {
  const store = new Store();
  const session = { needs_token: true, name: "anna", role };
  store.set({ collection: "ours", collections: names.map(collection), session });
  const client = new FakeClient();
  const refused: unknown[] = [];
  const matches = new MatchDesk(store, client, {
    record: async (name, id, source) => ({ text: `${name} ${id} ${source}` }) as WholeRecord,
    relist: async () => {},
    changed: () => {},
    refused: (error) => refused.push(error),
  });
  return { store, client, matches, refused, told: () => store.state.matches };
}

async function opened(...names: readonly string[]) {
  const made = desk(["ours", "theirs", ...names]);
  made.matches.open();
  if (names.length > 0) made.matches.arrange({ other: "theirs" });
  await soon();
  return made;
}

/** Let all that was begun come to its end. */
const soon = () => new Promise<void>((done) => setImmediate(done));

test("a pair is in the state that its score says, or somebody", () => {
  const states = [1, 0.9, 0.8999999, 0.7, 0.69, -1].map((one) => stateOf(one, PLAIN_MATCH, null));
  assert.deepEqual(states, ["linked", "linked", "review", "review", "unmatched", "unmatched"]);
  assert.equal(stateOf(0.1, PLAIN_MATCH, { decision: "accept" }), "accepted");
  assert.equal(stateOf(1, PLAIN_MATCH, { decision: "reject" }), "rejected");
});

test("limits are from 0 to 1, and do not contradict each other", () => {
  const limits = [
    [0.9, 0.7],
    [0.7, 0.7],
    [1, 0],
    [0.6, 0.7],
    [1.1, 0.5],
    [0.5, -0.1],
  ] as const;
  assert.deepEqual(
    limits.map(([link, review]) => fits(link, review)),
    [true, true, true, false, false, false],
  );
  assert.equal(fits(Number.NaN, 0.5), false);
});

test("a decision takes a pair out of one count and into another", () => {
  const counts = recounted(COUNTS, "review", "accepted");
  assert.deepEqual(counts, { ...COUNTS, review: 1, accepted: 1 });
  assert.equal(recounted(COUNTS, "review", "review"), COUNTS);
});

test("after a pair the next one is looked at that nobody has decided of", () => {
  const items = [pair("a", 0.8), pair("b", 0.8, "accept"), pair("c", 0.8), pair("d", 0.8)];
  assert.deepEqual(
    ["a", "c", "d"].map((id) => nextOpen(items, id)?.id),
    ["c", "d", "a"],
  );
  assert.equal(nextOpen([pair("a", 0.8, "reject")], "a"), null);
});

test("an export is of the pairs that are shown", () => {
  const view = { ...PLAIN_MATCH, other: "a b" };
  const address = addressOfExport("ours", view, "csv");
  const said = "collection=ours&other=a+b&link=0.9&review=0.7&state=review&format=csv";
  assert.equal(address, `/api/matches/export?${said}`);
  assert.doesNotMatch(addressOfExport("ours", { ...view, state: null }, "jsonl"), /state/);
});

test("the only other collection needs not be chosen, one of several does", async () => {
  const { client, told } = await opened();
  assert.deepEqual(client.asked, [{ ...PLAIN_MATCH, other: "theirs", after: 0 }]);
  assert.deepEqual([told().step, told().other, told().counts], ["found", "theirs", COUNTS]);

  const several = desk(["ours", "theirs", "more"]);
  several.matches.open();
  await soon();
  assert.deepEqual([several.client.asked, several.told().other], [[], null]);
  const alone = desk(["ours"]);
  alone.matches.open();
  await soon();
  assert.deepEqual([alone.client.asked, alone.matches.others], [[], []]);
});

test("it is asked once, whatever is chosen at the same time, and only while it is shown", async () => {
  const { client, matches } = desk();
  matches.arrange({ other: "theirs", state: "linked" });
  await soon();
  assert.equal(client.asked.length, 0);
  matches.open();
  matches.arrange({ state: null });
  await soon();
  assert.deepEqual(
    client.asked.map((one) => one.state),
    [null],
  );
});

test("an answer that comes late is not told", async () => {
  const { client, matches, told } = await opened("more");
  const late: ((answer: Matches) => void)[] = [];
  client.answer = () => new Promise((done) => late.push(done));
  matches.arrange({ state: "linked" });
  await soon();
  matches.arrange({ other: "more" });
  await soon();
  assert.equal(told().counts, null);
  late[1]?.(found([pair("new", 0.95)]));
  late[0]?.(found([pair("old", 0.99)]));
  await soon();
  assert.deepEqual(
    told().items.map((one) => one.id),
    ["new"],
  );
});

test("a next page goes on where the last one ended", async () => {
  const { client, matches, told } = desk();
  client.answer = async (_, after) =>
    after === 0 ? found([pair("a", 0.8)], 50) : found([pair("b", 0.75)]);
  matches.open();
  await soon();
  matches.more();
  await soon();
  matches.more();
  await soon();
  assert.deepEqual(
    client.asked.map((one) => one.after),
    [0, 50],
  );
  assert.deepEqual([told().items.map((one) => one.id), told().nextAfter], [["a", "b"], null]);
});

test("what is decided stays where it was and is counted, and is undone by its score", async () => {
  const { client, matches, told } = await opened();
  assert.equal(await matches.decide("a", "accept"), true);
  assert.deepEqual(client.decided, [["a", "theirs", "accept", "texts a"]]);
  assert.deepEqual(
    told().items.map((one) => one.state),
    ["accepted", "review"],
  );
  assert.equal(told().items[0]?.decided?.by, "anna");
  assert.deepEqual(told().counts, { ...COUNTS, review: 1, accepted: 1 });
  assert.equal(told().last?.state, "accepted");
  await matches.decide("a", "undo");
  assert.deepEqual(told().counts, COUNTS);
  assert.deepEqual([told().items[0]?.state, told().items[0]?.decided], ["review", null]);
});

test("why nothing was decided is told with the pair, until it is tried again", async () => {
  const { client, matches, told } = await opened();
  client.outcome = async (_, id) => results(id, null, "its text is another one");
  assert.equal(await matches.decide("a", "accept"), false);
  assert.deepEqual([told().refusals, told().counts], [{ a: "its text is another one" }, COUNTS]);
  client.outcome = async () => {
    throw new AwayError("away");
  };
  await matches.decide("b", "reject");
  assert.deepEqual(told().refusals, { a: "its text is another one", b: "away" });
  client.outcome = async (_, id) => results(id, decidedOf(id, "accept"));
  await matches.decide("a", "accept");
  assert.deepEqual([told().refusals, told().busy.size], [{ b: "away" }, 0]);
});

test("nothing is decided twice at once, nor by who may only read", async () => {
  const { client, matches } = await opened();
  const both = await Promise.all([matches.decide("a", "accept"), matches.decide("a", "reject")]);
  assert.deepEqual([both, client.decided.length], [[true, false], 1]);
  const reader = desk(["ours", "theirs"], "read");
  reader.matches.open();
  await soon();
  assert.equal(await reader.matches.decide("a", "accept"), false);
  assert.deepEqual(reader.client.decided, []);
});

test("a decision whose pair is listed no more is looked at anew", async () => {
  const { client, matches, told } = await opened();
  let answer = (_: MatchResults) => {};
  client.outcome = () =>
    new Promise((done) => {
      answer = done;
    });
  const deciding = matches.decide("a", "accept");
  client.answer = async () => found([]);
  matches.arrange({ state: "linked" });
  await soon();
  const before = client.asked.length;
  answer(results("a", decidedOf("a", "accept")));
  await deciding;
  await soon();
  assert.deepEqual([client.asked.length, told().counts], [before + 1, COUNTS]);
});

test("what passes is asked again by itself, what does not is told", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { client, matches, refused, told } = desk();
  const errors = [new RefusedError(503, "ask again"), new AwayError("away")];
  client.answer = async () => {
    const error = errors.shift();
    if (error) throw error;
    return found([pair("a", 0.8)]);
  };
  matches.open();
  await soon();
  assert.deepEqual([told().step, told().detail], ["waiting", "ask again"]);
  for (const step of ["waiting", "found"]) {
    context.mock.timers.runAll();
    await soon();
    assert.equal(told().step, step);
  }
  errors.push(new RefusedError(422, "they have other dimensions"));
  matches.look();
  await soon();
  assert.deepEqual([told().step, told().detail], ["failed", "they have other dimensions"]);
  context.mock.timers.runAll();
  await soon();
  assert.deepEqual([client.asked.length, refused], [4, []]);
  const unknown = new RefusedError(401, "who is it?");
  errors.push(unknown);
  matches.look();
  await soon();
  assert.deepEqual(refused, [unknown]);
});

test("nobody asks again when nobody looks", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { client, matches } = desk();
  client.answer = async () => {
    throw new AwayError("away");
  };
  matches.open();
  await soon();
  matches.close();
  context.mock.timers.runAll();
  await soon();
  assert.equal(client.asked.length, 1);
});

test("of another collection nothing stays, and it is asked for", async () => {
  const { store, client, matches, told } = await opened();
  await matches.decide("a", "accept");
  matches.leave();
  store.set({ collection: "theirs" });
  assert.deepEqual([told().items, told().counts, told().other], [[], null, null]);
  await soon();
  assert.equal(client.asked.at(-1)?.other, "ours");
});

test("whole texts are of both records, and go again", async () => {
  const { matches, told } = await opened();
  await matches.showWhole("a");
  assert.deepEqual(told().whole["a"], {
    kind: "texts",
    own: "ours a ours.csv",
    other: "theirs other a theirs.csv",
  });
  await matches.showWhole("a");
  assert.deepEqual(told().whole, {});
});

test("whole texts stay when one looks again, until they are others", async () => {
  const { client, matches, told } = await opened();
  await matches.showWhole("a");
  await matches.showWhole("b");
  client.answer = async () => found([pair("a", 0.8), { ...pair("b", 0.8), texts: "others" }]);
  matches.look();
  await soon();
  assert.deepEqual(Object.keys(told().whole), ["a"]);
});

test("what was asked for before a decision does not undo it on the page", async () => {
  const { client, matches, told } = await opened();
  const late: ((found: Matches) => void)[] = [];
  client.answer = () => new Promise((done) => late.push(done));
  matches.look();
  await soon();
  await matches.decide("a", "accept");
  await soon();
  late[0]?.(found([pair("a", 0.8)]));
  await soon();
  assert.equal(told().items.find((one) => one.id === "a")?.state, "accepted");
  late[1]?.(found([pair("a", 0.8, "accept")]));
  await soon();
  assert.deepEqual(
    told().items.map((one) => one.state),
    ["accepted"],
  );
});
