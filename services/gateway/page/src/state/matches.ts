// The pairs of two collections: for each record the nearest of another one, and what is decided.

import { AwayError, RefusedError } from "../api/http.ts";
import type { MatchClient, Wish } from "../api/match_client.ts";
import type { Counts, Match, Matches, MatchResult, WholeRecord } from "../api/schema.ts";
import { wordsOf } from "./commands.ts";
import { type MatchView, PLAIN_MATCH, recounted, stateOf } from "./match_view.ts";
import type { Store } from "./store.ts";

const PAGE = 50;
const AGAIN_MS = 2000;
const UNKNOWN = 401;
const BUSY = 503;

/** The texts of a pair, from their beginnings to their ends. */
export type WholeTexts =
  | { readonly kind: "asking" }
  | { readonly kind: "texts"; readonly own: string; readonly other: string }
  | { readonly kind: "failed"; readonly detail: string };

export interface MatchesState extends MatchView {
  /** waiting: it is asked again by itself. */
  readonly step: "asking" | "found" | "waiting" | "failed";
  readonly detail: string;
  readonly counts: Counts | null;
  readonly records: number;
  /** Decisions that hold for no pair now. */
  readonly unused: number;
  readonly items: readonly Match[];
  /** Where the next page begins; null: there is none. */
  readonly nextAfter: number | null;
  /** Records whose pairs are being decided. */
  readonly busy: ReadonlySet<string>;
  /** Why something could not be decided, by records. */
  readonly refusals: Readonly<Record<string, string>>;
  /** The pair of which something was decided last. */
  readonly last: Match | null;
  /** Pairs that are shown with their whole texts, by records. */
  readonly whole: Readonly<Record<string, WholeTexts>>;
}

const NOTHING_FOUND = {
  step: "asking",
  detail: "",
  items: [],
  nextAfter: null,
  refusals: {},
  last: null,
  whole: {},
} as const;
export const NO_MATCHES: MatchesState = {
  ...PLAIN_MATCH,
  ...NOTHING_FOUND,
  counts: null,
  records: 0,
  unused: 0,
  busy: new Set(),
};

/** What a desk of matches has to do with the rest of the page. */
export interface MatchesAround {
  record(collection: string, id: string, source: string): Promise<WholeRecord>;
  /** Has the list of collections read again. */
  relist(): Promise<void>;
  /** What is seen is something else. */
  changed(): void;
  /** Nobody is signed in any more. */
  refused(error: unknown): void;
}

export class MatchDesk {
  #isOpen = false;
  #isDue = false;
  /** Counts questions: what an older one learns is not told after a newer one. */
  #asking = 0;
  /** Whether the list is asked for anew, from its beginning. */
  #isRelisting = false;
  #again: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly store: Store,
    private readonly client: MatchClient,
    private readonly around: MatchesAround,
  ) {}

  get mayOperate(): boolean {
    return this.store.state.session?.role === "operate";
  }

  get view(): MatchView {
    const { other, state, link, review } = this.#state;
    return { other, state, link, review };
  }

  /** Names of the collections that it can be matched with. */
  get others(): readonly string[] {
    const { collections, collection } = this.store.state;
    return collections.map(({ name }) => name).filter((name) => name !== collection);
  }

  open(): void {
    this.#isOpen = true;
    this.look();
  }

  close(): void {
    this.#isOpen = false;
    this.#forget();
  }

  /** Nothing of it is about another collection. */
  leave(): void {
    this.#forget();
    this.store.set({ matches: NO_MATCHES });
    this.#soon();
  }

  /** Look at everything anew: others may have decided, or a map may be another. */
  look(): void {
    void this.around.relist().then(() => this.#soon());
  }

  /** Look at other pairs. */
  arrange(change: Partial<MatchView>): void {
    const isOther = change.other !== undefined && change.other !== this.#state.other;
    this.#forget();
    this.#tell({ ...change, ...NOTHING_FOUND, ...(isOther ? { counts: null } : {}) });
    this.around.changed();
    this.#soon();
  }

  more(): void {
    const { nextAfter } = this.#state;
    if (nextAfter !== null) void this.#list(nextAfter);
  }

  /** Have something decided of the pair of a record; tells whether it was. */
  async decide(id: string, wish: Wish): Promise<boolean> {
    const { collection } = this.store.state;
    const { other, items, busy } = this.#state;
    const match = items.find((one) => one.id === id);
    if (!collection || !other || !match || busy.has(id) || !this.mayOperate) return false;
    const isStill = () => this.store.state.collection === collection && this.#state.other === other;
    this.#tell({ busy: new Set([...busy, id]), refusals: without(this.#state.refusals, id) });
    let refusal: string | null = null;
    try {
      const [result] = (await this.client.decide(collection, other, wish, match)).items;
      refusal = result?.outcome === "refused" ? (result.reason ?? "") : null;
      if (isStill() && result && refusal === null) this.#settle(result);
    } catch (error) {
      refusal = wordsOf(error);
    }
    const left = [...this.#state.busy].filter((one) => one !== id);
    this.#tell({ busy: new Set(left) });
    if (!isStill()) return false;
    if (refusal !== null) this.#tell({ refusals: { ...this.#state.refusals, [id]: refusal } });
    const isListed = this.#state.items.some((one) => one.id === id);
    // What was asked meanwhile may know of it or not.
    if (!isListed || this.#isRelisting) this.#soon();
    return refusal === null;
  }

  /** Show a pair with its whole texts, or with their beginnings again. */
  async showWhole(id: string): Promise<void> {
    const { collection } = this.store.state;
    const { other, items, whole } = this.#state;
    const match = items.find((one) => one.id === id);
    if (!collection || !other || !match) return;
    if (whole[id]) {
      this.#tell({ whole: without(whole, id) });
      return;
    }
    const asked: WholeTexts = { kind: "asking" };
    this.#tell({ whole: { ...whole, [id]: asked } });
    const told = await this.#texts(collection, other, match);
    if (this.#state.whole[id] === asked)
      this.#tell({ whole: { ...this.#state.whole, [id]: told } });
  }

  async #texts(collection: string, other: string, match: Match): Promise<WholeTexts> {
    try {
      const [own, others] = await Promise.all([
        this.around.record(collection, match.id, match.filename),
        this.around.record(other, match.other_id, match.other_filename),
      ]);
      return { kind: "texts", own: own.text, other: others.text };
    } catch (error) {
      return { kind: "failed", detail: wordsOf(error) };
    }
  }

  get #state(): MatchesState {
    return this.store.state.matches;
  }

  /** Ask once, however many say so at the same time. */
  #soon(): void {
    if (!this.#isOpen || this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.#isOpen) void this.#list(0);
    });
  }

  async #list(after: number): Promise<void> {
    this.#forget();
    const asking = this.#asking;
    const { collection } = this.store.state;
    if (!collection) return;
    this.#preferOnly();
    const { other } = this.#state;
    if (!other) return;
    this.#isRelisting = after === 0;
    this.#tell({ step: "asking" });
    try {
      const wish = { ...this.view, other };
      const found = await this.client.page(collection, wish, after, PAGE);
      if (asking === this.#asking) this.#found(found, after);
    } catch (error) {
      if (asking === this.#asking) this.#failed(error, after);
    }
  }

  /** Where there is only one other collection, nobody needs to choose. */
  #preferOnly(): void {
    const [only, ...more] = this.others;
    if (this.#state.other || !only || more.length > 0) return;
    this.#tell({ other: only });
    this.around.changed();
  }

  #found(found: Matches, after: number): void {
    this.#isRelisting = false;
    const { counts, records, unused_decisions: unused, next_after: nextAfter } = found;
    const items = after === 0 ? found.items : [...this.#state.items, ...found.items];
    const same = after === 0 ? { ...NOTHING_FOUND, whole: this.#wholeOf(found.items) } : {};
    this.#tell({ ...same, step: "found", detail: "", counts, records, unused, items, nextAfter });
  }

  /** What is shown whole stays so, if its texts are still the same. */
  #wholeOf(items: readonly Match[]): Readonly<Record<string, WholeTexts>> {
    const { items: before, whole } = this.#state;
    const known = new Map(before.map(({ id, texts }) => [id, texts]));
    const same = items.filter(({ id, texts }) => whole[id] && known.get(id) === texts);
    return Object.fromEntries(same.map(({ id }) => [id, whole[id] as WholeTexts]));
  }

  /** What will be better by itself is asked for again. */
  #failed(error: unknown, after: number): void {
    this.#isRelisting = false;
    const status = error instanceof RefusedError ? error.status : null;
    if (status === UNKNOWN) this.around.refused(error);
    const isPassing = error instanceof AwayError || status === BUSY;
    this.#tell({ step: isPassing ? "waiting" : "failed", detail: wordsOf(error) });
    if (!isPassing || !this.#isOpen) return;
    this.#again = setTimeout(() => void this.#list(after), AGAIN_MS);
  }

  /** The pair stays where it is, so that a slip can be undone, until one looks anew. */
  #settle({ id, decided }: MatchResult): void {
    const { items, counts } = this.#state;
    const match = items.find((one) => one.id === id);
    if (!match) return;
    const state = stateOf(match.score, this.#state, decided);
    const last = { ...match, state, decided };
    this.#tell({
      last,
      items: items.map((one) => (one.id === id ? last : one)),
      counts: counts && recounted(counts, match.state, state),
    });
  }

  /** What is under way is told no more. */
  #forget(): void {
    this.#asking += 1;
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = null;
  }

  #tell(change: Partial<MatchesState>): void {
    this.store.set({ matches: { ...this.#state, ...change } });
  }
}

function without<Value>(
  all: Readonly<Record<string, Value>>,
  id: string,
): Readonly<Record<string, Value>> {
  const { [id]: _, ...others } = all;
  return others;
}
