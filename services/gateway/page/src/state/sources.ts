// The sources of a collection, the jobs about them, and what was done with them.

import type { JobRecord, SourceRow } from "../api/schema.ts";
import type { JobWish, SourceClient, SourceFilter } from "../api/source_client.ts";
import { Commands, type Outcome, type Refusals, wordsOf } from "./commands.ts";
import { NO_FETCHING } from "./fetching.ts";
import { isAnyRunning, NO_MANIFESTS, seen } from "./manifests.ts";
import { Polling } from "./polling.ts";
import { NO_SOURCES, type SourcesState, VIEWS } from "./sources_state.ts";
import type { Store } from "./store.ts";

const PAUSE_MS = 3000;
/** While something is under way. */
const SHORT_PAUSE_MS = 800;
const PAGE = 50;
const MOST_OF_A_PAGE = 200;
const ENDED = 15;
const EFFECTS = 50;

const ACTIVE = ["queued", "running"] as const;
const ENDS = ["succeeded", "failed", "cancelled"] as const;

export class SourceDesk {
  readonly #polling = new Polling(
    () => this.look(),
    () => this.#pause,
  );
  /** Counts the looks: what an older one learns is not told after a newer one. */
  #looks = 0;
  /** How many rows somebody wants to see. */
  #most = PAGE;
  readonly #commands = new Commands((told) => this.#tell(told));

  constructor(
    private readonly store: Store,
    readonly client: SourceClient,
  ) {}

  get mayOperate(): boolean {
    return this.store.state.session?.role === "operate";
  }

  /** Look again and again while they are shown. */
  open(): void {
    this.#polling.open();
  }

  close(): void {
    this.#polling.close();
    this.#tell({ outcome: null, log: null });
  }

  /** Nothing of it is about another collection; what is not handed in or fetched yet stays. */
  leave(): void {
    this.#looks += 1;
    this.#most = PAGE;
    const { tray, limits, isBusy: isAnyBusy } = this.#state;
    const { text, isBusy } = this.#state.fetching;
    const { file, unfit } = this.#state.manifests;
    const fetching = { ...NO_FETCHING, text, isBusy };
    const manifests = { ...NO_MANIFESTS, file, unfit };
    const sources = { ...NO_SOURCES, tray, limits, fetching, manifests, isBusy: isAnyBusy };
    this.store.set({ sources });
    if (this.#polling.isOpen) queueMicrotask(() => void this.look());
  }

  /** Look at everything now. */
  async look(): Promise<void> {
    const { collection } = this.store.state;
    if (!collection) return;
    this.#looks += 1;
    const looks = this.#looks;
    const { limits, log } = this.#state;
    const { opened } = this.#state.manifests;
    const nobody = { items: [] };
    try {
      const [listed, active, ended, effects, schedules, manifests, items, rules, logged] =
        await Promise.all([
          this.#listed(collection),
          this.client.jobs(collection, ACTIVE, MOST_OF_A_PAGE),
          this.client.jobs(collection, ENDS, ENDED),
          this.mayOperate ? this.client.effects(collection, EFFECTS) : nobody,
          this.client.schedules(collection),
          this.client.manifests(collection),
          opened && this.client.manifest(opened.id).catch(() => null), // somebody has removed it
          limits ?? this.client.limits(),
          log && this.client.job(log.job),
        ]);
      const isAnyIncomplete = listed.rows.some((one) => one.status === "incomplete");
      const incomplete = isAnyIncomplete ? await this.client.incomplete(collection) : [];
      if (looks !== this.#looks) return;
      const ids = new Set(listed.rows.map((one) => one.source_id));
      this.#tell({
        ...listed,
        incomplete,
        isKnown: true,
        chosen: new Set([...this.#state.chosen].filter((one) => ids.has(one))),
        jobs: eachOnce([...active.items, ...ended.items]),
        effects: effects.items,
        schedules: schedules.items,
        manifests: seen(this.#state.manifests, manifests.items, items),
        limits: rules,
        log: seenLog(this.#state.log, log && logged && { job: log.job, lines: logged.log }),
        trouble: null,
      });
    } catch (error) {
      if (looks === this.#looks) this.#tell({ trouble: wordsOf(error) });
    }
  }

  /** Show only those that fit. */
  filter(change: Partial<Pick<SourcesState, "text" | "view" | "kind">>): void {
    this.#most = PAGE;
    this.#tell({ ...change, rows: [], isKnown: false, chosen: new Set() });
    void this.look();
  }

  /** Show more rows: each look from now on asks for them, also one that overtakes this one. */
  async more(): Promise<void> {
    this.#most = this.#state.rows.length + PAGE;
    await this.look();
  }

  choose(ids: readonly string[], isChosen: boolean): void {
    const chosen = new Set(this.#state.chosen);
    for (const one of ids) {
      if (isChosen) chosen.add(one);
      else chosen.delete(one);
    }
    this.#tell({ chosen });
  }

  /** Show the log of a job, or hide it again. */
  async showLog(job: string | null): Promise<void> {
    this.#tell({ log: job === null ? null : { job, lines: [] } });
    if (job === null) return;
    await this.#try(async () => {
      const { log } = await this.client.job(job);
      if (this.#state.log?.job === job) this.#tell({ log: { job, lines: log } });
      return null;
    });
  }

  /** Queue jobs; of those that there can be none of, the reasons are told. */
  async submit(wish: JobWish, told: (jobs: number, reasons: readonly string[]) => string) {
    const { collection } = this.store.state;
    if (!collection) return;
    await this.#try(async () => {
      const answer = await this.client.submit(collection, wish);
      const jobs = answer.jobs ?? [];
      const reasons = jobs.flatMap((one) => (one.reason ? [one.reason] : []));
      this.#tell({ chosen: new Set() });
      return { isGood: reasons.length === 0, text: told(answer.job_ids?.length ?? 0, reasons) };
    });
  }

  async cancel(job: string, done: string): Promise<void> {
    await this.#try(async () => {
      await this.client.cancel(job);
      return { isGood: true, text: done };
    });
  }

  async retry(job: string, done: string): Promise<void> {
    await this.#try(async () => {
      await this.client.retry(job);
      return { isGood: true, text: done };
    });
  }

  /** Do something with what is done every few hours; tells whether it worked, as soon as it has. */
  async command(
    act: (client: SourceClient, collection: string) => Promise<unknown>,
    done: string | null = null,
    refusals: Refusals = {},
  ): Promise<boolean> {
    const { collection } = this.store.state;
    if (!collection) return false;
    return await this.#try(async () => {
      await act(this.client, collection);
      return done === null ? null : { isGood: true, text: done };
    }, refusals);
  }

  get #state(): SourcesState {
    return this.store.state.sources;
  }

  get #wanted(): SourceFilter {
    const { text, view, kind } = this.#state;
    return { text: text.trim(), states: VIEWS[view], kind };
  }

  /** Ask for as many rows as somebody wants to see. */
  async #listed(collection: string) {
    const rows: SourceRow[] = [];
    let left = this.#most;
    for (;;) {
      const after = rows.at(-1)?.filename ?? "";
      const limit = Math.min(left, MOST_OF_A_PAGE);
      const page = await this.client.page(collection, this.#wanted, after, limit);
      rows.push(...page.items);
      left -= page.items.length;
      const hasMore = page.next_after !== null;
      if (!hasMore || left <= 0) return { rows, hasMore, uploadedBytes: page.uploaded_bytes };
    }
  }

  /** Do something, and look what came of it; tells whether it worked. */
  async #try(act: () => Promise<Outcome | null>, refusals: Refusals = {}): Promise<boolean> {
    const isDone = await this.#commands.run(act, refusals);
    void this.look();
    return isDone;
  }

  get #pause(): number {
    const { jobs, rows, manifests } = this.#state;
    const isMoving =
      isAnyRunning(manifests.all) ||
      jobs.some((one) => ACTIVE.some((state) => state === one.state)) ||
      rows.some((one) => one.in_flight > 0);
    return isMoving ? SHORT_PAUSE_MS : PAUSE_MS;
  }

  #tell(change: Partial<SourcesState>): void {
    this.store.set({ sources: { ...this.#state, ...change } });
  }
}

/** Take in a log that was told: what is open is that which is open by now. */
function seenLog(opened: SourcesState["log"], told: SourcesState["log"]): SourcesState["log"] {
  return told && told.job === opened?.job ? told : opened;
}

/** One that ends between two questions is in both answers; the second is the newer one. */
function eachOnce(jobs: readonly JobRecord[]): readonly JobRecord[] {
  return [...new Map(jobs.map((one) => [one.id, one])).values()];
}
