import assert from "node:assert/strict";
import { test } from "node:test";
import { RefusedError } from "../src/api/http.ts";
import type { ManifestItem, ManifestRecord, ManifestRun } from "../src/api/schema.ts";
import { type ManifestWish, SourceClient } from "../src/api/source_client.ts";
import {
  isAnyRunning,
  lastRun,
  Manifests,
  MOST_CHARACTERS,
  NO_MANIFESTS,
  readList,
  seen,
  toldCounts,
  wishOf,
} from "../src/state/manifests.ts";
import { SourceDesk } from "../src/state/sources.ts";
import { Store } from "../src/state/store.ts";

const ITEM: ManifestItem = {
  row: 1,
  name: "Acme",
  url: "https://example.org/acme.csv",
  filename: "Acme.csv",
  outcome: "added",
  reason: null,
  job: null,
  asked_at: null,
  every_hours: null,
  notes: null,
};
const NONE = { added: 0, changed: 0, asked: 0, busy: 0 };
const COUNTS = { ...NONE, not_due: 0, inactive: 0, unlisted: 0, bad: 0 };

function manifest(id: string, runs: readonly ManifestRun[] = []): ManifestRecord {
  return {
    id,
    collection: "default",
    name: id,
    url: null,
    every_hours: 8,
    is_paused: false,
    next_at: "",
    ran: 0,
    missed: 0,
    overlapped: 0,
    succeeded_at: null,
    is_stale: false,
    created_at: "",
    created_by: "",
    runs,
  };
}

function run(id: string, state: ManifestRun["state"]): ManifestRun {
  const outcome = state === null ? "missed" : "ran";
  return {
    id,
    at: "",
    slot: "",
    outcome,
    slots: 1,
    by: "",
    state,
    ended_at: null,
    reason: null,
    counts: null,
  };
}

class FakeClient extends SourceClient {
  readonly wishes: ManifestWish[] = [];
  refusal: Error | null = null;

  override async applyManifest(_: string, wish: ManifestWish): Promise<ManifestRecord> {
    if (this.refusal) throw this.refusal;
    this.wishes.push(wish);
    return manifest("new");
  }
}

/** A desk that looks at nothing by itself. */
class StillDesk extends SourceDesk {
  override async look(): Promise<void> {}
}

function desk() {
  const store = new Store();
  store.set({ collection: "default" });
  const client = new FakeClient();
  const manifests = new Manifests(store, new StillDesk(store, client));
  return { store, client, manifests, told: () => store.state.sources.manifests };
}

const file = (content: string | Uint8Array<ArrayBuffer>, name = "list.csv") =>
  new File([content], name);

test("a file is a list if it is a text in UTF-8 that the gateway takes", async () => {
  assert.deepEqual(await readList(file("\ufeffname,url\n")), {
    name: "list.csv",
    content: "name,url\n",
  });
  assert.equal(await readList(file(" \n")), "empty");
  assert.equal(await readList(file(new Uint8Array([0x50, 0x4b, 0xff]))), "coded");
  assert.equal(await readList(file("a".repeat(MOST_CHARACTERS + 1))), "large");
  assert.equal(await readList(file("a".repeat(4 * MOST_CHARACTERS + 1))), "large");
  // What is two units here is one character there.
  const most = await readList(file("𝕏".repeat(MOST_CHARACTERS)));
  assert.equal(typeof most, "object");
});

test("what is asked for is the file if there is one, called as it is, and else the url", () => {
  const said = { name: "", url: "https://a/l.csv", everyHours: 4 };
  assert.deepEqual(wishOf(said, null), { url: "https://a/l.csv", every_hours: 4 });
  assert.deepEqual(wishOf({ ...said, name: "n" }, null), {
    name: "n",
    url: "https://a/l.csv",
    every_hours: 4,
  });
  const list = { name: "l.csv", content: "name,url" };
  assert.deepEqual(wishOf(said, list), { name: "l.csv", content: "name,url", every_hours: 4 });
  assert.equal(wishOf({ ...said, name: "n" }, list).name, "n");
});

test("a list that was taken is put away, one that was refused stays, and why is said", async () => {
  const { store, client, manifests, told } = desk();
  await manifests.take(file("name,url\n"));
  const said = { name: "", url: "", everyHours: 8 };
  const apply = () => manifests.apply(said, (name) => `${name} is applied`, { 409: "it runs" });

  client.refusal = new RefusedError(409, "in the gateway's words");
  assert.equal(await apply(), false);
  assert.deepEqual(store.state.sources.outcome, { isGood: false, text: "it runs" });
  assert.equal(told().file?.name, "list.csv");

  client.refusal = new RefusedError(422, "in the gateway's words");
  assert.equal(await apply(), false);
  assert.equal(store.state.sources.outcome?.text, "in the gateway's words");

  client.refusal = null;
  assert.equal(await apply(), true);
  assert.deepEqual(store.state.sources.outcome, { isGood: true, text: "list.csv is applied" });
  assert.equal(told().file, null);
  assert.equal(client.wishes.length, 1);
});

test("a file that is no list is told of, and the one before it is none any more", async () => {
  const { manifests, told } = desk();
  await manifests.take(file("name,url\n"));
  await manifests.take(file(""));
  assert.deepEqual([told().file, told().unfit], [null, "empty"]);
  await manifests.take(null);
  assert.deepEqual(told(), NO_MANIFESTS);
});

test("an open list shows what was told of it last, until it is removed or another is opened", async () => {
  const { store, manifests, told } = desk();
  store.set({
    sources: { ...store.state.sources, manifests: { ...NO_MANIFESTS, all: [manifest("a")] } },
  });
  await manifests.open("a");
  assert.deepEqual(told().opened, { id: "a", items: null, most: 100 });
  manifests.more();
  assert.equal(told().opened?.most, 200);

  const all = [manifest("a"), manifest("b")];
  const items = [{ ...ITEM, row: 2 }];
  const later = seen(told(), all, { manifest: manifest("a"), items });
  assert.deepEqual(later.opened, { id: "a", items, most: 200 });
  assert.deepEqual(seen(later, all, null).opened, later.opened);
  assert.deepEqual(seen(later, all, { manifest: manifest("b"), items: [] }).opened?.items, items);
  assert.equal(seen(later, [manifest("b")], null).opened, null);
  await manifests.open(null);
  assert.equal(told().opened, null);
});

test("the last result is that of the newest run, and only what happened is counted", () => {
  const runs = [run("3", null), run("2", "failed"), run("1", "applied")];
  assert.equal(lastRun(manifest("a", runs))?.id, "2");
  assert.equal(lastRun(manifest("a", [run("3", null)])), null);
  assert.equal(isAnyRunning([manifest("a", runs)]), false);
  const going = manifest("b", [run("2", null), run("1", "running")]);
  assert.equal(isAnyRunning([manifest("a", runs), going]), true);
  assert.deepEqual(toldCounts({ ...COUNTS, bad: 1, not_due: 2, added: 3 }), [
    ["added", 3],
    ["not due", 2],
    ["bad", 1],
  ]);
  assert.deepEqual(toldCounts(COUNTS), []);
});
