// Lists of sources that are applied every few hours: the one that is open, and one to hand in.

import type {
  ListedManifest,
  ManifestCounts,
  ManifestItem,
  ManifestRecord,
  ManifestRun,
} from "../api/schema.ts";
import type { ManifestWish } from "../api/source_client.ts";
import type { Refusals } from "./commands.ts";
import type { SourceDesk } from "./sources.ts";
import type { Store } from "./store.ts";

/** So much of a list the gateway takes. */
export const MOST_CHARACTERS = 512 * 1024;
export const MOST_ROWS = 1000;
const MOST_BYTES = 4 * MOST_CHARACTERS;
/** So many rows of an open one are shown at first, and so many more each time. */
const ROWS = 100;

/** A list that lies on this machine. */
export interface ListFile {
  readonly name: string;
  readonly content: string;
}

/** Why a file is not taken as a list; coded: it is no text in UTF-8. */
export type Unfit = "empty" | "large" | "coded";

export interface OpenedManifest {
  readonly id: string;
  /** What it lists, once that has come. */
  readonly items: readonly ManifestItem[] | null;
  readonly most: number;
}

export interface ManifestsState {
  readonly all: readonly ManifestRecord[];
  readonly opened: OpenedManifest | null;
  /** The file that is to be handed in. */
  readonly file: ListFile | null;
  readonly unfit: Unfit | null;
}

export const NO_MANIFESTS: ManifestsState = { all: [], opened: null, file: null, unfit: null };

/** What is said of a list in the form. */
export interface SaidManifest {
  readonly name: string;
  readonly url: string;
  readonly everyHours: number;
}

export class Manifests {
  /** Counts the files: one that is still read when the next is chosen is none. */
  #takes = 0;

  constructor(
    private readonly store: Store,
    private readonly desk: Pick<SourceDesk, "command" | "look">,
  ) {}

  /** Show what one lists, or hide it again. */
  async open(id: string | null): Promise<void> {
    this.#tell({ opened: id === null ? null : { id, items: null, most: ROWS } });
    if (id !== null) await this.desk.look();
  }

  more(): void {
    const { opened } = this.#state;
    if (opened) this.#tell({ opened: { ...opened, most: opened.most + ROWS } });
  }

  /** Take a file of this machine as the list, or none. */
  async take(file: File | null): Promise<void> {
    this.#takes += 1;
    const takes = this.#takes;
    const read = file && (await readList(file));
    if (takes !== this.#takes) return;
    this.#tell(
      typeof read === "string" ? { file: null, unfit: read } : { file: read, unfit: null },
    );
  }

  /** Have a list applied now and every few hours; tells whether it was taken. */
  async apply(said: SaidManifest, done: (name: string) => string, refusals: Refusals) {
    const wish = wishOf(said, this.#state.file);
    const isDone = await this.desk.command(
      (client, collection) => client.applyManifest(collection, wish),
      done(wish.name ?? wish.url ?? ""),
      refusals,
    );
    if (isDone) this.#tell({ file: null, unfit: null });
    return isDone;
  }

  get #state(): ManifestsState {
    return this.store.state.sources.manifests;
  }

  #tell(change: Partial<ManifestsState>): void {
    const { sources } = this.store.state;
    this.store.set({ sources: { ...sources, manifests: { ...sources.manifests, ...change } } });
  }
}

/** Take in what was told; what is open is that which is open by now, if it is still there. */
export function seen(
  before: ManifestsState,
  all: readonly ManifestRecord[],
  told: ListedManifest | null,
): ManifestsState {
  const { opened } = before;
  const isThere = opened !== null && all.some((one) => one.id === opened.id);
  const items = told && told.manifest.id === opened?.id ? told.items : (opened?.items ?? null);
  return { ...before, all, opened: isThere ? { ...opened, items } : null };
}

/** Say what is wanted; a file without a name is called as it is on this machine. */
export function wishOf(
  { name, url, everyHours: every_hours }: SaidManifest,
  file: ListFile | null,
): ManifestWish {
  if (file) return { name: name || file.name, content: file.content, every_hours };
  return name ? { name, url, every_hours } : { url, every_hours };
}

/** Read a list from a file, or say why it is none. */
export async function readList(file: Blob & { readonly name: string }): Promise<ListFile | Unfit> {
  if (file.size > MOST_BYTES) return "large";
  let content: string;
  try {
    content = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    return "coded";
  }
  if (content.trim() === "") return "empty";
  if (content.length > MOST_CHARACTERS && [...content].length > MOST_CHARACTERS) return "large";
  return { name: file.name, content };
}

/** Whether a list is being applied. */
export function isAnyRunning(all: readonly ManifestRecord[]): boolean {
  return all.some((one) => lastRun(one)?.state === "running");
}

/** Return the newest run that was one: others are slots that passed. */
export function lastRun({ runs }: ManifestRecord): ManifestRun | null {
  return (runs ?? []).find((one) => one.state !== null) ?? null;
}

export type ItemOutcome = ManifestItem["outcome"];

/** List how many came out how; what did not happen is not told. */
export function toldCounts(counts: ManifestCounts): readonly (readonly [ItemOutcome, number])[] {
  const all: readonly (readonly [ItemOutcome, number])[] = [
    ["added", counts.added],
    ["changed", counts.changed],
    ["asked", counts.asked],
    ["busy", counts.busy],
    ["not due", counts.not_due],
    ["inactive", counts.inactive],
    ["unlisted", counts.unlisted],
    ["bad", counts.bad],
  ];
  return all.filter(([, count]) => count > 0);
}
