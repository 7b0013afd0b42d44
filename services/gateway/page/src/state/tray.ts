// Files that are about to be handed in: looked at first, then sent, each for itself.

import type { Preview, TakenFile, UploadFacts } from "../api/schema.ts";
import type { SourceClient, UploadWish } from "../api/source_client.ts";
import type { Store } from "./store.ts";
import { chosenOf, makesText, type Use, type Uses, usesAsOf, usesOf } from "./uses.ts";

const AT_ONCE = 2;

export type TrayStep =
  | { readonly kind: "looking" }
  | { readonly kind: "ready" }
  | { readonly kind: "waiting"; readonly collection: string }
  | { readonly kind: "sending"; readonly sent: number }
  | { readonly kind: "done"; readonly taken: TakenFile }
  /** Not worth sending, by what was told before. */
  | { readonly kind: "unfit"; readonly why: "empty" | "large" }
  | { readonly kind: "refused"; readonly reason: string };

export interface TrayItem {
  readonly key: number;
  readonly file: File;
  readonly step: TrayStep;
  readonly preview: Preview | null;
  /** What becomes of its columns. */
  readonly uses: Uses;
  readonly replace: boolean;
  /** What is known of the file that it takes the place of, if that was named. */
  readonly replaced: UploadFacts | null;
  /** Whether the collection is to prefer these columns from then on. */
  readonly keep: boolean;
}

export const NO_TRAY: readonly TrayItem[] = [];

export class Tray {
  #keys = 0;
  #aborts = new Map<number, AbortController>();

  constructor(
    private readonly store: Store,
    private readonly client: SourceClient,
    private readonly sent: () => void,
  ) {}

  /** Put files in, and look at what may be handed in. */
  add(files: readonly File[]): void {
    for (const file of files) this.#add(file, null);
  }

  /** Put a file in that takes the place of one that was handed in, and is read by its columns. */
  replace(file: File, upload: UploadFacts): void {
    this.#add(file, upload);
  }

  #add(file: File, upload: UploadFacts | null): void {
    const most = this.store.state.sources.limits?.max_file_bytes ?? Number.POSITIVE_INFINITY;
    this.#keys += 1;
    const why = file.size === 0 ? "empty" : file.size > most ? "large" : null;
    const step: TrayStep = why === null ? { kind: "looking" } : { kind: "unfit", why };
    const item = {
      key: this.#keys,
      file,
      step,
      preview: null,
      uses: {},
      replaced: upload,
      replace: upload !== null,
      keep: false,
    };
    this.#put([...this.#items, item]);
    if (why === null) void this.#look(item);
  }

  use(key: number, column: string, use: Use): void {
    this.#change(key, (item) => ({ uses: { ...item.uses, [column]: use } }));
  }

  replaceSame(key: number, replace: boolean): void {
    this.#change(key, () => ({ replace }));
  }

  keepColumns(key: number, keep: boolean): void {
    this.#change(key, () => ({ keep }));
  }

  /** Take one out; what is under way of it ends. */
  drop(key: number): void {
    this.#aborts.get(key)?.abort();
    this.#put(this.#items.filter((one) => one.key !== key));
    this.#next();
  }

  /** Try again what was refused. */
  again(key: number): void {
    const item = this.#items.find((one) => one.key === key);
    if (!item) return;
    this.#change(key, () => ({ step: { kind: item.preview ? "ready" : "looking" } }));
    if (!item.preview) void this.#look(item);
  }

  /** Take out what is done. */
  clear(): void {
    this.#put(this.#items.filter((one) => one.step.kind !== "done"));
  }

  /** Hand in all that is ready, or one. */
  send(key?: number): void {
    const { collection } = this.store.state;
    if (!collection) return;
    for (const one of this.#items) {
      const isMeant = key === undefined || one.key === key;
      if (isMeant && one.step.kind === "ready" && hasText(one)) {
        this.#change(one.key, () => ({ step: { kind: "waiting", collection } }));
      }
    }
    this.#next();
  }

  #next(): void {
    const busy = this.#items.filter((one) => one.step.kind === "sending").length;
    const waiting = this.#items.filter((one) => one.step.kind === "waiting");
    for (const one of waiting.slice(0, Math.max(0, AT_ONCE - busy))) {
      if (one.step.kind === "waiting") void this.#send(one, one.step.collection);
    }
  }

  async #look({ key, file, replaced }: TrayItem): Promise<void> {
    await this.#step(key, async (signal) => {
      const { collection } = this.store.state;
      // Whoever cannot be told what is preferred begins with all columns.
      const told = collection ? this.client.preferences(collection).catch(() => null) : null;
      const [preview, page] = await Promise.all([this.client.look(file, signal), told]);
      const columns = columnsOf(preview);
      const uses = replaced ? usesAsOf(columns, replaced) : usesOf(columns, page?.active ?? null);
      this.#change(key, () => ({ preview, uses, step: { kind: "ready" } }));
    });
  }

  async #send(item: TrayItem, collection: string): Promise<void> {
    const { key } = item;
    this.#change(key, () => ({ step: { kind: "sending", sent: 0 } }));
    await this.#step(key, async (signal) => {
      const tell = (sent: number) => this.#change(key, () => ({ step: { kind: "sending", sent } }));
      const taken = await this.client.upload(collection, item.file, wishOf(item), tell, signal);
      const reason = taken.reason ?? "";
      const step: TrayStep =
        taken.state === "refused" ? { kind: "refused", reason } : { kind: "done", taken };
      this.#change(key, () => ({ step }));
    });
    this.sent();
    this.#next();
  }

  async #step(key: number, act: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const abort = new AbortController();
    this.#aborts.set(key, abort);
    try {
      await act(abort.signal);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#change(key, () => ({ step: { kind: "refused", reason } }));
    } finally {
      this.#aborts.delete(key);
    }
  }

  get #items(): readonly TrayItem[] {
    return this.store.state.sources.tray;
  }

  #change(key: number, how: (item: TrayItem) => Partial<TrayItem>): void {
    this.#put(this.#items.map((one) => (one.key === key ? { ...one, ...how(one) } : one)));
  }

  #put(tray: readonly TrayItem[]): void {
    this.store.set({ sources: { ...this.store.state.sources, tray } });
  }
}

/** Name the columns of a file, each once, in their order. */
export function columnsOf(preview: Preview | null): readonly string[] {
  const names = preview?.tables.flatMap((one) => one.columns.map(({ name }) => name)) ?? [];
  return [...new Set(names)];
}

/** Whether any column makes the text, where there are columns. */
export function hasText({ preview, uses }: TrayItem): boolean {
  const columns = columnsOf(preview);
  return columns.length === 0 || makesText(columns, uses);
}

/** Say what was chosen: what a collection prefers is in it already. */
export function wishOf({ preview, uses, replace, keep }: TrayItem): UploadWish {
  const columns = columnsOf(preview);
  if (columns.length === 0) return { replace };
  const chosen = chosenOf(columns, uses);
  const isAll = chosen.text_columns.length === columns.length;
  return { replace, columns: keep ? "kept" : "own", ...(isAll ? {} : chosen) };
}
