import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../src/api/client.ts";
import type { Brief, Found } from "../src/api/schema.ts";
import { Finding } from "../src/state/finding.ts";
import type { Painting } from "../src/state/painting.ts";
import type { Regions } from "../src/state/regions.ts";
import { Store } from "../src/state/store.ts";

const IDS = Array.from({ length: 60 }, (_, i) => `id ${i}`);
const WORDS = { kind: "words", words: "the" } as const;

function briefs(ids: readonly string[]): Brief[] {
  return ids.map((id) => ({ id }) as Brief);
}

/** Answers when it is let, or refuses. */
class SlowClient extends Client {
  readonly asked: string[][] = [];
  #answers: (() => void)[] = [];
  failing = 0;

  override async search(): Promise<Found> {
    const told = { total: IDS.length, searched: 60, records: 60, words: ["the"] };
    return { ...told, ids: IDS, items: briefs(IDS.slice(0, 25)) } as unknown as Found;
  }

  override async records(_: string, ids: readonly string[]) {
    this.asked.push([...ids]);
    await new Promise<void>((done) => this.#answers.push(done));
    this.failing -= 1;
    if (this.failing >= 0) throw new Error("away");
    return { items: briefs(ids) } as unknown as Awaited<ReturnType<Client["records"]>>;
  }

  async answer(): Promise<void> {
    for (const one of this.#answers.splice(0)) one();
    await new Promise((done) => setTimeout(done, 0));
  }
}

async function found() {
  const store = new Store();
  store.set({ collection: "default" });
  const client = new SlowClient();
  const painting = { light: () => {} } as unknown as Painting;
  const nothing = () => {};
  const finding = new Finding(store, client, painting, {} as Regions, () => null, nothing);
  await finding.find(WORDS);
  return { client, finding, listed: () => finding.listing?.items.map((one) => one.id) };
}

test("who asks for more twice gets it once", async () => {
  const { client, finding, listed } = await found();
  void finding.more();
  void finding.more();
  await client.answer();
  assert.deepEqual(listed(), IDS.slice(0, 50));
  assert.equal(client.asked.length, 1);

  void finding.more();
  await client.answer();
  assert.deepEqual(listed(), IDS);
});

test("a piece of the list that does not come is told, and can be asked for again", async () => {
  const { client, finding, listed } = await found();
  client.failing = 1;
  void finding.more();
  await client.answer();
  assert.deepEqual(finding.listing?.failure, { what: "find_failed", why: "away" });
  assert.deepEqual(listed(), IDS.slice(0, 25));

  void finding.more();
  assert.equal(finding.listing?.failure, null);
  await client.answer();
  assert.deepEqual(listed(), IDS.slice(0, 50));
});

test("what comes of a list after another one was asked for is not in it", async () => {
  const { client, finding, listed } = await found();
  void finding.more();
  await finding.find({ ...WORDS, words: "an" });
  await client.answer();
  assert.deepEqual(listed(), IDS.slice(0, 25));
  assert.equal(finding.listing?.isListing, false);
});
