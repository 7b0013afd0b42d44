import assert from "node:assert/strict";
import { test } from "node:test";
import { AwayError, RefusedError } from "../src/api/http.ts";
import type { JobRecord, PreferencePage, SubmittedJobs } from "../src/api/schema.ts";
import { type FetchWish, SourceClient } from "../src/api/source_client.ts";
import {
  canFetch,
  Fetching,
  type FetchingState,
  NO_FETCHING,
  refusalOf,
  urlsOf,
  wishOf,
} from "../src/state/fetching.ts";
import { Store } from "../src/state/store.ts";

const PREFERRED: PreferencePage = {
  active: {
    version: 1,
    text_columns: ["note"],
    context_columns: ["name"],
    updated_at: "",
    updated_by: "",
  },
  earlier: [],
  columns: ["name", "other"],
  unknown: 0,
};

class FakeClient extends SourceClient {
  readonly asked: FetchWish[] = [];
  answer: (wish: FetchWish) => Promise<SubmittedJobs> = async () => answered([]);

  override async fetch(_: string, wish: FetchWish): Promise<SubmittedJobs> {
    this.asked.push(wish);
    return this.answer(wish);
  }

  override async preferences(): Promise<PreferencePage> {
    return PREFERRED;
  }
}

/** An answer by URL, and of each the id of its job, or none. */
function answered(jobs: readonly (readonly [string, string | null])[]): SubmittedJobs {
  return {
    status: "ok",
    correlation_id: "",
    collection: "default",
    job_ids: jobs.flatMap(([, id]) => id ?? []),
    jobs: jobs.map(([source, id]) => ({
      source,
      job: id === null ? null : ({ id } as JobRecord),
      reason: id === null ? "another job has it" : null,
    })),
  };
}

function desk() {
  const store = new Store();
  store.set({ collection: "default" });
  const client = new FakeClient();
  const fetching = new Fetching(store, client, () => {});
  return { store, client, fetching, told: () => store.state.sources.fetching };
}

const typed = (change: Partial<FetchingState>): FetchingState => ({ ...NO_FETCHING, ...change });

test("urls are found with their lines, several on one as well", () => {
  assert.deepEqual(urlsOf("\n  https://a/1 https://a/2\r\n\nhttps://b\n"), [
    { url: "https://a/1", line: 2 },
    { url: "https://a/2", line: 2 },
    { url: "https://b", line: 4 },
  ]);
  assert.deepEqual(urlsOf(" \n\t"), []);
});

test("columns are the collection's, all, or exactly those that are chosen", () => {
  const [text, columns] = ["https://a", ["a", "b", "c"]];
  const urls = [text];
  assert.deepEqual(wishOf(typed({ text, columns })), { urls });
  assert.deepEqual(wishOf(typed({ text, columns, rule: "all" })), { urls, columns: "own" });
  const uses = { b: "context", c: "none" } as const;
  assert.deepEqual(wishOf(typed({ text, columns, uses, rule: "chosen" })), {
    urls,
    columns: "own",
    text_columns: ["a"],
    context_columns: ["b"],
  });
  const all = wishOf(typed({ text, columns, rule: "chosen" }));
  assert.deepEqual([all.text_columns, all.context_columns], [columns, []]);
});

test("nothing is fetched without a url, or with columns of which none makes the text", () => {
  assert.equal(canFetch(typed({ text: " " })), false);
  assert.equal(canFetch(typed({ text: "https://a" })), true);
  assert.equal(canFetch(typed({ text: "https://a", isBusy: true })), false);
  const chosen = { text: "https://a", rule: "chosen", columns: ["a"] } as const;
  assert.equal(canFetch(typed(chosen)), true);
  assert.equal(canFetch(typed({ ...chosen, uses: { a: "context" } })), false);
  assert.equal(canFetch(typed({ ...chosen, columns: [] })), false);
});

test("a mistake names the line that it is on", () => {
  const urls = urlsOf("https://a\n\nftp://b");
  const mistakes = [{ where: "body.urls.1", what: "only http and https" }];
  const refused = new RefusedError(422, "body.urls.1: only http and https", mistakes);
  assert.deepEqual(refusalOf(refused, urls), {
    mistakes: [{ line: 3, what: "only http and https" }],
  });
  const many = new RefusedError(422, "too many", [{ where: "body.urls", what: "too many" }]);
  assert.deepEqual(refusalOf(many, urls), { trouble: "too many" });
  assert.deepEqual(refusalOf(new AwayError("away"), urls), { trouble: "away" });
});

test("a single url that is refused is its result", () => {
  const refused = new RefusedError(409, "another job has it");
  assert.deepEqual(refusalOf(refused, urlsOf("https://a")), {
    results: [{ url: "https://a", job: null, reason: "another job has it" }],
  });
  assert.deepEqual(refusalOf(refused, urlsOf("https://a https://b")), {
    trouble: "another job has it",
  });
});

test("what is queued leaves the form, what is refused stays in it", async () => {
  const { client, fetching, told } = desk();
  client.answer = async () =>
    answered([
      ["https://a", "j1"],
      ["https://b", null],
    ]);
  fetching.type("https://a\nhttps://b");
  await fetching.send();
  assert.deepEqual(client.asked, [{ urls: ["https://a", "https://b"] }]);
  assert.equal(told().text, "https://b");
  const reasons = told().results.map(({ job, reason }) => [job, reason]);
  assert.deepEqual(reasons, [
    ["j1", null],
    [null, "another job has it"],
  ]);
  assert.equal(told().isBusy, false);
});

test("a list with a mistake stays as it was typed", async () => {
  const { client, fetching, told } = desk();
  client.answer = async () => {
    throw new RefusedError(422, "", [{ where: "body.urls.0", what: "no" }]);
  };
  fetching.type("a\nhttps://b");
  await fetching.send();
  assert.deepEqual([told().text, told().mistakes], ["a\nhttps://b", [{ line: 1, what: "no" }]]);
  assert.deepEqual([told().results, told().isBusy], [[], false]);
});

test("it is sent once, and told of the collection that it was sent for only", async () => {
  const { store, client, fetching, told } = desk();
  let answer = (_: SubmittedJobs) => {};
  client.answer = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  fetching.type("https://a");
  const sent = fetching.send();
  await fetching.send();
  assert.equal(client.asked.length, 1);
  store.set({ collection: "other" });
  answer(answered([["https://a", "j1"]]));
  await sent;
  assert.deepEqual([told().results, told().isBusy], [[], false]);
});

test("columns to choose from are known and preferred ones, used as is preferred", async () => {
  const { fetching, told } = desk();
  await fetching.take("chosen");
  assert.deepEqual(told().columns, ["name", "other", "note"]);
  assert.deepEqual(told().uses, { name: "context", other: "none", note: "text" });
  fetching.name("price");
  fetching.name("note");
  fetching.name("");
  fetching.use("name", "none");
  fetching.type("https://a");
  const { text_columns, context_columns } = wishOf(told());
  assert.deepEqual([text_columns, context_columns], [["note", "price"], []]);
});
