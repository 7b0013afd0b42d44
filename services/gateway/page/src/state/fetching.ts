// Files that are fetched once from where they lie: the wish for them, and what came of each.

import { RefusedError } from "../api/http.ts";
import type { SubmittedJob } from "../api/schema.ts";
import type { FetchWish, SourceClient } from "../api/source_client.ts";
import { wordsOf } from "./commands.ts";
import type { Store } from "./store.ts";
import { chosenOf, makesText, type Use, type Uses, usesOf } from "./uses.ts";

export const RULES = ["preferred", "all", "chosen"] as const;
/** Whose columns are taken: those that the collection prefers, all, or those that are chosen here. */
export type Rule = (typeof RULES)[number];

export interface FetchResult {
  readonly url: string;
  /** The id of its job; null if there is none. */
  readonly job: string | null;
  readonly reason: string | null;
}

export interface FetchMistake {
  readonly line: number;
  readonly what: string;
}

export interface FetchingState {
  /** What is typed: URLs, one or more on a line. */
  readonly text: string;
  readonly rule: Rule;
  /** Columns that can be chosen: those that the collection's tables have, and those that were named. */
  readonly columns: readonly string[];
  readonly uses: Uses;
  readonly results: readonly FetchResult[];
  /** Of lines that are no URLs; if there is one, nothing was queued. */
  readonly mistakes: readonly FetchMistake[];
  readonly trouble: string | null;
  readonly isBusy: boolean;
}

export const NO_FETCHING: FetchingState = {
  text: "",
  rule: "preferred",
  columns: [],
  uses: {},
  results: [],
  mistakes: [],
  trouble: null,
  isBusy: false,
};

export class Fetching {
  constructor(
    private readonly store: Store,
    private readonly client: SourceClient,
    private readonly sent: () => void,
  ) {}

  type(text: string): void {
    this.#tell({ text });
  }

  /** Say whose columns are taken; what can be chosen is asked for then. */
  async take(rule: Rule): Promise<void> {
    this.#tell({ rule });
    const { collection } = this.store.state;
    if (rule !== "chosen" || !collection || this.#state.columns.length > 0) return;
    try {
      const { columns, active } = await this.client.preferences(collection);
      if (this.store.state.collection !== collection) return;
      const preferred = [...(active?.text_columns ?? []), ...(active?.context_columns ?? [])];
      const all = [...new Set([...columns, ...preferred, ...this.#state.columns])];
      this.#tell({ columns: all, uses: { ...usesOf(all, active), ...this.#state.uses } });
    } catch (error) {
      this.#tell({ trouble: wordsOf(error) });
    }
  }

  use(column: string, use: Use): void {
    this.#tell({ uses: { ...this.#state.uses, [column]: use } });
  }

  /** Name a column that no table of the collection has had yet. */
  name(column: string): void {
    const { columns } = this.#state;
    if (column && !columns.includes(column)) this.#tell({ columns: [...columns, column] });
  }

  /** Have what is typed fetched; what was refused stays there, to be mended. */
  async send(): Promise<void> {
    const { collection } = this.store.state;
    const { text, isBusy } = this.#state;
    const typed = urlsOf(text);
    if (!collection || isBusy || typed.length === 0) return;
    this.#tell({ isBusy: true, results: [], mistakes: [], trouble: null });
    try {
      const wish = wishOf(this.#state);
      const { jobs } = await this.client.fetch(collection, wish);
      this.#end(collection, text, { results: jobs.map(resultOf) });
    } catch (error) {
      this.#end(collection, text, refusalOf(error, typed));
    }
    this.sent();
  }

  get #state(): FetchingState {
    return this.store.state.sources.fetching;
  }

  /** What came of it is of the collection that it was sent for; what was typed since stays. */
  #end(collection: string, sent: string, change: Partial<FetchingState>): void {
    if (this.store.state.collection !== collection) {
      this.#tell({ isBusy: false });
      return;
    }
    const { results } = change;
    const refused = results?.filter((one) => !one.job).map(({ url }) => url);
    const isSame = this.#state.text === sent;
    const left = refused && isSame ? { text: refused.join("\n") } : {};
    this.#tell({ ...change, isBusy: false, ...left });
  }

  #tell(change: Partial<FetchingState>): void {
    const { sources } = this.store.state;
    this.store.set({ sources: { ...sources, fetching: { ...sources.fetching, ...change } } });
  }
}

interface TypedUrl {
  readonly url: string;
  /** From 1. */
  readonly line: number;
}

/** Find the URLs of a text: none has a space, so that a line may hold several. */
export function urlsOf(text: string): readonly TypedUrl[] {
  return text.split("\n").flatMap((line, i) =>
    line
      .split(/\s+/)
      .filter((one) => one !== "")
      .map((url) => ({ url, line: i + 1 })),
  );
}

/** Say what is wanted. */
export function wishOf({ text, rule, columns, uses }: FetchingState): FetchWish {
  const urls = urlsOf(text).map(({ url }) => url);
  if (rule === "preferred") return { urls };
  return { urls, columns: "own", ...(rule === "chosen" ? chosenOf(columns, uses) : {}) };
}

/** Whether there is something to fetch, and a column that makes its text. */
export function canFetch({ text, rule, columns, uses, isBusy }: FetchingState): boolean {
  const hasText = rule !== "chosen" || makesText(columns, uses);
  return !isBusy && hasText && urlsOf(text).length > 0;
}

/** Say of a refusal which lines it is about; of a single URL it is the result. */
export function refusalOf(error: unknown, typed: readonly TypedUrl[]): Partial<FetchingState> {
  const reason = wordsOf(error);
  if (!(error instanceof RefusedError)) return { trouble: reason };
  const mistakes = error.mistakes.flatMap(({ where, what }) => {
    const index = /^body\.urls\.(\d+)$/.exec(where)?.[1];
    const one = index === undefined ? undefined : typed[Number(index)];
    return one ? [{ line: one.line, what }] : [];
  });
  if (mistakes.length > 0) return { mistakes };
  const [only, ...others] = typed;
  if (only && others.length === 0 && error.status === 409) {
    return { results: [{ url: only.url, job: null, reason }] };
  }
  return { trouble: reason };
}

function resultOf({ source, job, reason }: SubmittedJob): FetchResult {
  return { url: source, job: job?.id ?? null, reason };
}
