// Further columns of the records: which there are, and those that were asked for.

import type { Client } from "../api/client.ts";
import type { Column } from "../api/schema.ts";
import type { Field } from "../data/coding.ts";
import { type ColumnKind, Extra } from "../data/extra.ts";
import type { Points } from "../data/points.ts";
import type { Store } from "./store.ts";

export const ARRIVAL = "arrived_at";
const AGAIN_MS = 8000;
const SAME_MS = 600;

export class Columns {
  #known = new Map<string, Extra>();
  /** What is asked for now: collections, and names in them. */
  #asked = new Set<string>();
  #wanted = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly store: Store,
    private readonly client: Client,
    private readonly points: () => Points | null,
    /** Told when there are values that were not there before. */
    private readonly came: () => void,
  ) {}

  /** Return the values of a field that is none of every point; they come later, if at all. */
  of(field: Field): Extra | null {
    return field.startsWith("@") ? this.get(field.slice(1)) : null;
  }

  /** Return the values of a column; they come later, if at all. */
  get(name: string): Extra | null {
    const known = this.#known.get(name) ?? null;
    this.#wanted.add(name);
    if (!known) void this.#load(name);
    return known;
  }

  /** Look which columns there are. */
  async list(): Promise<void> {
    const { collection } = this.store.state;
    if (!collection) return;
    try {
      const { items } = await this.client.columns(collection);
      if (this.store.state.collection !== collection) return;
      this.store.set({ columns: items });
      for (const name of this.#wanted) if (!this.#known.has(name)) void this.#load(name);
    } catch {
      // They are offered when the gateway tells them; the map does without.
    }
  }

  /** Keep what is known for the same points in another table, whose rows were others before. */
  moveTo(points: Points, rows: Int32Array | null): void {
    for (const [name, extra] of this.#known) this.#known.set(name, extra.movedTo(points, rows));
    this.refresh();
  }

  /** Ask again for what points lack that came since: a little later, and not all the time. */
  refresh(): void {
    const isBehind = [...this.#known.values()].some((one) => one.isBehind);
    const isNew = this.store.state.columns.length === 0;
    if (this.#timer !== null || !(isBehind || isNew)) return;
    const pause = isNew ? SAME_MS : AGAIN_MS;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.list();
      for (const [name, extra] of this.#known) if (extra.isBehind) void this.#load(name);
    }, pause);
  }

  leave(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#known.clear();
    this.#wanted.clear();
    this.store.set({ columns: [] });
  }

  async #load(name: string): Promise<void> {
    const { collection, columns } = this.store.state;
    const column = columns.find((one: Column) => one.name === name);
    const kind: ColumnKind | undefined = name === ARRIVAL ? "time" : column?.kind;
    const points = this.points();
    const asked = `${collection} ${name}`;
    if (!collection || !kind || !points || this.#asked.has(asked)) return;
    this.#asked.add(asked);
    try {
      const body = await this.client.column(collection, name, kind);
      const extra = await Extra.read(body, kind, points);
      if (this.store.state.collection !== collection) return;
      const present = this.points();
      this.#known.set(name, present && present !== points ? extra.movedTo(present) : extra);
      this.came();
    } catch {
      // Its points stay without a value, as the legend says.
    } finally {
      this.#asked.delete(asked);
    }
  }
}
