import assert from "node:assert/strict";
import { test } from "node:test";
import { AwayError, type MapAnswer, RefusedError } from "../src/api/client.ts";
import type { CollectionInfo, ProjectionUpdated, WritingPublished } from "../src/api/schema.ts";
import { type Audience, Live, type Move } from "../src/data/live.ts";
import type { Origins, Points, Removals } from "../src/data/points.ts";
import { answer, type Made } from "./rows.ts";

/** A gateway: public files, and points that were committed since. */
class Gateway {
  file: Made[] = [];
  dataset = 1;
  model = 1;
  since = 0;
  late: { at: number; made: Made[]; model: number; removals: Removals }[] = [];
  isAway = false;
  wholes = 0;
  position = 0;

  commit(made: Made[], model = this.model, removals: Removals = {}): void {
    this.position += 1;
    this.late.push({ at: this.position, made, model, removals });
  }

  publish(file: Made[], model = this.model): void {
    this.file = file;
    this.model = model;
    this.dataset += 1;
    this.since = this.position;
  }

  async whole(): Promise<MapAnswer> {
    this.#answer();
    this.wholes += 1;
    if (this.file.length === 0) throw new RefusedError(404, "no map");
    const { since, model, dataset } = this;
    return answer(this.file, { since: `${since}`, model, dataset });
  }

  async #sinceAnswer(since: number, model: number | null): Promise<MapAnswer> {
    const late = this.late.filter((one) => one.at > since);
    if (model !== this.model || late.some((one) => one.model !== this.model)) {
      throw new RefusedError(410, "outdated");
    }
    const [first] = late;
    const at = first ? first.at : Math.max(since, this.position);
    const { dataset } = this;
    const head = { since: `${at}`, model, dataset, hasMore: late.length > 1 };
    return answer(first?.made ?? [], head, first?.removals);
  }

  async sinceCall(_name: string, since: string, model: number | null): Promise<MapAnswer> {
    this.#answer();
    return this.#sinceAnswer(Number(since), model);
  }

  async collections(): Promise<CollectionInfo[]> {
    this.#answer();
    const { file, model, dataset } = this;
    return [
      {
        name: "c",
        records: file.length,
        model_version: model,
        dataset_version: dataset,
        files: {},
      },
    ];
  }

  #answer(): void {
    if (this.isAway) throw new AwayError("away");
  }
}

class Watcher implements Audience {
  points: Points | null = null;
  origins: Origins | null = null;
  move: Move | null = null;
  told: string[] = [];
  /** How many points each picture had that took the place of another. */
  sizes: number[] = [];

  loading(): void {}
  async prepare(): Promise<void> {
    this.told.push("prepare");
  }
  replaced(points: Points, origins: Origins | null, move: Move | null): void {
    this.points = points;
    this.origins = origins;
    this.move = move;
    this.sizes.push(points.size);
    this.told.push("replaced");
  }
  added(): void {
    this.told.push("added");
  }
  isEmpty(): void {
    this.told.push("empty");
  }
  isCurrent(): void {
    this.told.push("current");
  }
  failed(): void {
    this.told.push("failed");
  }

  get ids(): string[] {
    const points = this.points;
    if (!points) return [];
    return Array.from({ length: points.size }, (_, row) => points.ids.textOf(row)).sort();
  }
}

function begin() {
  const gateway = new Gateway();
  const watcher = new Watcher();
  const live = new Live(
    "c",
    {
      whole: () => gateway.whole(),
      since: (...asked) => gateway.sinceCall(...asked),
      collections: () => gateway.collections(),
    },
    watcher,
  );
  return { gateway, watcher, live };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 2000; i += 1) {
    if (holds()) return;
    await new Promise((done) => setTimeout(done, 5));
  }
  assert.fail("it did not come true");
}

const published = (gateway: Gateway) =>
  ({ dataset_version: gateway.dataset, model_version: gateway.model }) as WritingPublished;
const committed = (dataset_version: number) => ({ dataset_version }) as never;
const some = (...ids: string[]): Made[] => ids.map((id, x) => ({ id, x }));

test("first all points, then those that are committed, each once", async () => {
  const { gateway, watcher, live } = begin();
  gateway.publish(some("a", "b"));
  gateway.commit(some("c"));
  live.resume();
  await until(() => watcher.ids.join() === "a,b,c");
  gateway.commit(some("c", "d"));
  gateway.commit(some("e"));
  live.committed(committed(1));
  await until(() => watcher.ids.join() === "a,b,c,d,e");
  live.close();
  assert.equal(gateway.wholes, 1);
});

test("an empty system is told as such, and the first points come by themselves", async () => {
  const { gateway, watcher, live } = begin();
  live.resume();
  await until(() => watcher.told.includes("empty"));
  gateway.publish(some("a"));
  live.published(published(gateway));
  await until(() => watcher.ids.join() === "a");
  live.close();
});

test("what was committed while the connection was broken is there after it", async () => {
  const { gateway, watcher, live } = begin();
  gateway.publish(some("a"));
  live.resume();
  await until(() => watcher.ids.length === 1);
  gateway.isAway = true;
  gateway.commit(some("b"));
  live.committed(committed(2));
  await until(() => watcher.told.includes("failed"));
  gateway.isAway = false;
  live.resume();
  await until(() => watcher.ids.join() === "a,b");
  live.close();
  assert.equal(gateway.wholes, 1);
});

test("a new model moves every point, and says how far", async () => {
  const { gateway, watcher, live } = begin();
  gateway.publish([
    { id: "a", x: 0 },
    { id: "b", x: 4 },
  ]);
  live.resume();
  await until(() => watcher.ids.length === 2);
  gateway.commit(some("c"), 2);
  live.updated({
    model: { version: 2, parent: 1 },
    movement: { rms_share: 0.012, explained_before: 0.23, explained_after: 0.25 },
  } as ProjectionUpdated);
  live.committed(committed(2));
  gateway.publish(
    [
      { id: "b", x: 5 },
      { id: "a", x: 1 },
      { id: "c", x: 2 },
    ],
    2,
  );
  live.published(published(gateway));
  await until(() => watcher.move !== null);
  live.close();
  assert.deepEqual(watcher.move, { from: 1, to: 2, share: 0.012, explained: [0.23, 0.25] });
  assert.deepEqual([...(watcher.origins?.places ?? [])], [4, 0, 0, 0, 2, 0]);
});

test("files that are outdated when they come take no point away", async () => {
  const { gateway, watcher, live } = begin();
  gateway.publish(some("a"));
  live.resume();
  await until(() => watcher.ids.length === 1);
  gateway.commit(some("b"));
  gateway.commit(some("c"));
  live.committed(committed(2));
  await until(() => watcher.ids.length === 3);
  gateway.publish(some("a", "b"), 2);
  gateway.commit(some("d"), 3);
  live.published(published(gateway));
  await until(() => gateway.wholes === 2);
  await new Promise((done) => setTimeout(done, 50));
  assert.deepEqual(watcher.ids, ["a", "b", "c"]);
  gateway.publish(some("a", "b", "c", "d"), 3);
  live.published(published(gateway));
  await until(() => watcher.ids.join() === "a,b,c,d");
  live.close();
  assert.deepEqual(watcher.sizes, [1, 4]);
});

test("a refit that nobody told of is measured", async () => {
  const { gateway, watcher, live } = begin();
  gateway.publish([
    { id: "a", x: 0 },
    { id: "b", x: 4 },
  ]);
  live.resume();
  await until(() => watcher.ids.length === 2);
  gateway.publish(
    [
      { id: "a", x: 3 },
      { id: "b", x: 7 },
    ],
    5,
  );
  live.resume();
  await until(() => watcher.move !== null);
  live.close();
  assert.deepEqual(watcher.move, { from: 1, to: 5, share: 3 / 12, explained: null });
});

test("points that left the map leave the page, also if that was told to nobody", async () => {
  const { gateway, watcher, live } = begin();
  gateway.publish(some("a", "b", "c"));
  live.resume();
  await until(() => watcher.ids.length === 3);
  gateway.publish(some("a", "c"));
  live.resume();
  await until(() => watcher.ids.join() === "a,c");
  live.close();
});

test("points that are not in the files yet are no reason to load all again", async () => {
  const { gateway, watcher, live } = begin();
  gateway.publish(some("a"));
  live.resume();
  await until(() => watcher.ids.length === 1);
  gateway.commit(some("b"));
  live.committed(committed(gateway.dataset + 1));
  await until(() => watcher.ids.length === 2);
  watcher.told = [];
  live.resume();
  await until(() => watcher.told.includes("current"));
  live.close();
  assert.equal(gateway.wholes, 1);
});

test("a source that was replaced leaves, and its new points come", async () => {
  const { gateway, watcher, live } = begin();
  gateway.publish([...some("a", "b"), { id: "other", filename: "other.jsonl" }]);
  live.resume();
  await until(() => watcher.ids.length === 3);
  gateway.commit([{ id: "a", x: 9, version: 2 }], 1, { "a.jsonl": 2 });
  live.committed(committed(gateway.dataset + 1));
  await until(() => watcher.ids.join() === "a,other");
  live.close();
  assert.equal(gateway.wholes, 1);
  assert.equal(watcher.points?.x[watcher.points.ids.findText("a")], 9);
});

test("what was committed while the map of a refit loads is in the same picture", async () => {
  const { gateway, watcher, live } = begin();
  gateway.publish(some("a"));
  live.resume();
  await until(() => watcher.ids.length === 1);
  gateway.publish(some("a"), 2);
  gateway.commit(some("b"));
  live.published(published(gateway));
  await until(() => watcher.sizes.length === 2);
  assert.deepEqual(watcher.sizes, [1, 2]);
  assert.equal(watcher.ids.join(), "a,b");
  live.close();
});
