// Records that were looked at lately, so that going back and forth asks nobody.

import type { Client } from "../api/client.ts";
import type { WholeRecord } from "../api/schema.ts";

const MOST = 300;

export class RecordCache {
  #known = new Map<string, WholeRecord>();
  #asked = new Map<string, Promise<WholeRecord>>();

  constructor(
    private readonly client: Pick<Client, "record">,
    /** The source of a record, if the map has it: where it is known, the answer comes sooner. */
    private readonly sourceOf: (id: string) => string | undefined,
  ) {}

  /** Return a record that is known already. */
  peek(collection: string, id: string): WholeRecord | null {
    return this.#known.get(`${collection} ${id}`) ?? null;
  }

  async get(collection: string, id: string): Promise<WholeRecord> {
    const key = `${collection} ${id}`;
    const known = this.#known.get(key);
    if (known) return known;
    const asked = this.#asked.get(key) ?? this.client.record(collection, id, this.sourceOf(id));
    this.#asked.set(key, asked);
    try {
      const record = await asked;
      if (this.#asked.get(key) !== asked) return record; // it was asked before the map was replaced
      this.#known.set(key, record);
      if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value as string);
      return record;
    } finally {
      if (this.#asked.get(key) === asked) this.#asked.delete(key);
    }
  }

  /** Forget all, and what is yet to come: the map was replaced. */
  clear(): void {
    this.#known.clear();
    this.#asked.clear();
  }
}
