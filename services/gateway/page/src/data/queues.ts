// What waits for each stage, and for how long nothing of it has gone on.

import type { Queues } from "../api/schema.ts";

/** What one stage has before it. */
export interface Waiting {
  /** Messages, those in its hands too. */
  readonly count: number;
  /** For how long it is known that the oldest one waits, seconds. */
  readonly seconds: number;
}

interface Standing {
  readonly place: number;
  readonly since: number;
}

/** Remembers from look to look where each queue stood. */
export class Lag {
  #collection = "";
  #standing = new Map<string, Standing>();

  /** Say what waits for each stage, at a time in milliseconds on any clock. */
  looked({ collection, items }: Queues, now: number): Record<string, Waiting> {
    if (collection !== this.#collection) this.#standing.clear();
    this.#collection = collection;
    const found: Record<string, Waiting> = {};
    for (const { stage, reads, waiting, in_hand, settled_to: place } of items) {
      const key = `${stage}/${reads}`;
      const count = waiting + in_hand;
      const before = this.#standing.get(key);
      const isSame = count > 0 && before?.place === place;
      const since = isSame && before ? before.since : now;
      if (count > 0) this.#standing.set(key, { place, since });
      else this.#standing.delete(key);
      const all = found[stage] ?? { count: 0, seconds: 0 };
      const seconds = Math.max(all.seconds, (now - since) / 1000);
      found[stage] = { count: all.count + count, seconds };
    }
    return found;
  }
}
