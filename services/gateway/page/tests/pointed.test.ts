import assert from "node:assert/strict";
import { test } from "node:test";
import type { WholeRecord } from "../src/api/schema.ts";
import { Points } from "../src/data/points.ts";
import type { Controller } from "../src/state/controller.ts";
import { RecordCache } from "../src/state/record_cache.ts";
import { Pointed } from "../src/ui/pointed.ts";
import { answer, read } from "./rows.ts";

/** Answers that come when the test says so. */
class Gateway {
  readonly asked = new Map<string, () => void>();
  #told: (() => void) | null = null;

  record(collection: string, id: string): Promise<WholeRecord> {
    return new Promise((done) => {
      this.asked.set(id, () => done({ collection, id, text: `text of ${id}` } as WholeRecord));
      this.#told?.();
    });
  }

  async isAsked(id: string): Promise<void> {
    while (!this.asked.has(id)) {
      await new Promise<void>((done) => {
        this.#told = done;
      });
    }
  }
}

test("the text of a point that is pointed at no more is not told", async () => {
  const points = new Points();
  await read(points, answer([{ id: "a" }, { id: "b" }]));
  const gateway = new Gateway();
  const records = new RecordCache(gateway, (id) => points.sourceOf(id));
  const store = { state: { collection: "logs" } };
  let changes = 0;
  const pointed = new Pointed({ points, records, store } as unknown as Controller, () => {
    changes += 1;
  });

  pointed.pointAt(0);
  await gateway.isAsked("a");
  pointed.pointAt(1);
  await gateway.isAsked("b");
  gateway.asked.get("a")?.();
  await records.get("logs", "a");
  assert.equal(changes, 2);
  gateway.asked.get("b")?.();
  await records.get("logs", "b");

  assert.equal(changes, 3);
  assert.equal(pointed.row, 1);
});

test("who points at a point does so when the map is replaced, whatever its row is then", async () => {
  const [before, after] = [new Points(), new Points()];
  await read(before, answer([{ id: "a" }, { id: "b" }]));
  await read(after, answer([{ id: "b" }, { id: "c" }, { id: "a" }]));
  const gateway = new Gateway();
  const records = new RecordCache(gateway, () => undefined);
  const store = { state: { collection: "logs" } };
  const controller = { points: before, records, store };
  const pointed = new Pointed(controller as unknown as Controller, () => {});

  pointed.pointAt(0);
  controller.points = after;

  assert.equal(pointed.row, 2);
  await gateway.isAsked("a");
});
