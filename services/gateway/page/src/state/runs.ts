// The runs of a map: a table of them, and those whose paths are shown.

import type { Client } from "../api/client.ts";
import type { Run, RunSummary } from "../api/schema.ts";
import type { Passage } from "./query.ts";
import { PLAIN_TABLE, type RunTable } from "./route.ts";
import type { Sort } from "./run_order.ts";
import type { Store } from "./store.ts";

export interface RunsState extends RunTable {
  readonly state: "asking" | "found" | "failed";
  readonly detail: string;
  readonly total: number;
  /** Where words were looked for: how many records were looked at, and how many there are. */
  readonly searched: number | null;
  readonly records: number | null;
  readonly items: readonly RunSummary[];
  /** Names of the runs whose paths are shown, at most so many as can be told apart. */
  readonly chosen: readonly string[];
  /** What is known of them. */
  readonly paths: Readonly<Record<string, Run>>;
}

export const NO_RUNS: RunsState = {
  ...PLAIN_TABLE,
  state: "asking",
  detail: "",
  total: 0,
  searched: null,
  records: null,
  items: [],
  chosen: [],
  paths: {},
};
export const MOST_PATHS = 4;
const PAGE = 50;
/** Who sorts by these wants the most first. */
const DOWNWARDS: ReadonlySet<Sort> = new Set(["steps", "begun", "distance"]);

export class Runs {
  #asking = 0;

  constructor(
    private readonly store: Store,
    private readonly client: Client,
    private readonly changed: () => void,
  ) {}

  get #state(): RunsState {
    return this.store.state.runs;
  }

  /** Ask for the table, from its beginning. */
  open(): void {
    void this.#list(0);
  }

  more(): void {
    void this.#list(this.#state.items.length);
  }

  /** How the table is sorted, and what of it is listed. */
  get table(): RunTable {
    const { sort, isDescending, through } = this.#state;
    return { sort, isDescending, through };
  }

  /** List the runs in this order, and these only. */
  arrange(table: RunTable): void {
    this.#tell(table);
    this.changed();
    this.open();
  }

  /** Sort by something; by the same once more, the other way round. */
  sortBy(sort: Sort): void {
    const isDescending =
      sort === this.#state.sort ? !this.#state.isDescending : DOWNWARDS.has(sort);
    this.arrange({ ...this.table, sort, isDescending });
  }

  /** List only runs that have a step of what was looked for; nothing: all. */
  passing(through: Passage | null): void {
    this.arrange({ ...this.table, through });
  }

  /** Show the path of a run, or show it no more. */
  toggle(name: string): void {
    const { chosen } = this.#state;
    const isShown = chosen.includes(name);
    this.choose(isShown ? chosen.filter((one) => one !== name) : [...chosen, name]);
  }

  /** Show these paths, and no others. */
  choose(names: readonly string[]): void {
    this.#tell({ chosen: names.slice(-MOST_PATHS) });
    this.changed();
    this.refresh(false);
  }

  /** Learn the steps of the chosen runs: of those that are known already, only if they may be others. */
  refresh(isAgain = true): void {
    for (const name of this.#state.chosen) {
      if (isAgain || !this.#state.paths[name]) void this.#path(name);
    }
  }

  leave(): void {
    this.#asking += 1;
    this.store.set({ runs: NO_RUNS });
  }

  async #list(offset: number): Promise<void> {
    const { collection } = this.store.state;
    if (!collection) return;
    this.#asking += 1;
    const asking = this.#asking;
    const { sort, isDescending, through, items } = this.#state;
    this.#tell({ state: "asking" });
    const wish = {
      sort,
      order: isDescending ? "desc" : "asc",
      offset: `${offset}`,
      limit: `${PAGE}`,
    };
    try {
      const found = await this.client.runs(collection, { ...wish, ...passage(through) });
      if (asking !== this.#asking) return;
      const all = offset === 0 ? found.items : [...items, ...found.items];
      const { total, searched, records } = found;
      this.#tell({ state: "found", detail: "", total, searched, records, items: all });
    } catch (error) {
      if (asking !== this.#asking) return;
      const detail = error instanceof Error ? error.message : String(error);
      this.#tell({ state: "failed", detail });
    }
  }

  async #path(name: string): Promise<void> {
    const { collection } = this.store.state;
    if (!collection) return;
    try {
      const run = await this.client.run(collection, name);
      const isStill = this.store.state.collection === collection;
      if (isStill) this.#tell({ paths: { ...this.#state.paths, [name]: run } });
    } catch {
      // It left the map, or the gateway is away: what was known of it stays.
    }
  }

  #tell(change: Partial<RunsState>): void {
    this.store.set({ runs: { ...this.#state, ...change } });
  }
}

function passage(through: Passage | null): Readonly<Record<string, string>> {
  if (!through) return {};
  if (through.kind === "words") return { q: through.words };
  if (through.kind === "like") return { like: through.id };
  if (through.kind === "region") return { region: `${through.region}` };
  return { area: through.corners.map(({ x, y }) => `${plain(x)},${plain(y)}`).join(",") };
}

function plain(value: number): string {
  return String(Number(value.toPrecision(8)));
}
