// What was looked for: by words, by likeness, by a part of the plane; lit on the map and listed.

import type { Client, ExportForm } from "../api/client.ts";
import type { Brief, Found, Neighbour } from "../api/schema.ts";
import { rowsInside } from "../data/areas.ts";
import {
  type Chosen,
  ChosenByIds,
  ChosenByRows,
  type MainSource,
  mainSource,
  rowsOfSource,
} from "../data/chosen.ts";
import type { Points } from "../data/points.ts";
import { wordsOf } from "./commands.ts";
import type { Painting } from "./painting.ts";
import type { Query } from "./query.ts";
import type { Regions } from "./regions.ts";
import type { Store } from "./store.ts";

/** What was found. */
export interface Listing {
  readonly query: Query;
  readonly state: "asking" | "found" | "failed";
  /** What could not be done, and why. */
  readonly failure: { readonly what: "find_failed" | "export_failed"; readonly why: string } | null;
  /** How many there are. */
  readonly total: number;
  /** How many of them are lit, and can be listed and exported. */
  readonly known: number;
  /** How many records were looked at, of how many. */
  readonly searched: number;
  readonly records: number;
  readonly items: readonly (Brief | Neighbour)[];
  /** Which of them are asked for already; those that the files lack have no item. */
  readonly asked: number;
  /** Whether a piece of the list is on its way: another one begins where that ends. */
  readonly isListing: boolean;
  readonly isExporting: boolean;
  /** Whether these are the first that were found, and the others are still looked for. */
  readonly isLooking: boolean;
  /** The words that were looked for, one by one. */
  readonly words: readonly string[];
  /** Where a part of the map is from, if nearly all of it is from one source. */
  readonly main: MainSource | null;
}

const PAGE = 25;
const SLICE = 4000;
const MOST_LIT = 20_000;
/** How long the first hits are looked for; the others come when all was looked at. */
const FIRST_MS = 80;
const MOST_FIRST = 1000;
const MOST_NEIGHBOURS = 20;
/** Who moves about is followed when he rests. */
const REST_MS = 250;
/** What the page itself selects, from its points. */
type Part = Exclude<Query, { kind: "words" | "like" }>;
export const MOST_EXPORTED = 100_000;
const NOTHING: Omit<Listing, "query"> = {
  state: "asking",
  failure: null,
  total: 0,
  known: 0,
  searched: 0,
  records: 0,
  items: [],
  asked: 0,
  isListing: false,
  isExporting: false,
  isLooking: false,
  words: [],
  main: null,
};

export class Finding {
  #chosen: Chosen | null = null;
  #asking: AbortController | null = null;
  #resting: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly store: Store,
    private readonly client: Client,
    private readonly painting: Painting,
    private readonly regions: Regions,
    private readonly points: () => Points | null,
    private readonly changed: () => void,
  ) {}

  get listing(): Listing | null {
    return this.store.state.listing;
  }

  /** Look for something else; what was found before is forgotten. */
  async find(query: Query, isListShown = true): Promise<void> {
    const { collection } = this.store.state;
    if (!collection) return;
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.#choose(null);
    // A list takes the place of the record that was open; only its neighbours have to do with it.
    const isLeft = isListShown && query.kind !== "like";
    if (isLeft) this.store.set({ opened: { kind: "none" } });
    this.store.set({ listing: { ...NOTHING, query }, isListShown });
    this.changed();
    try {
      await this.#ask(collection, query, asking.signal);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.#tell({ state: "failed", failure: { what: "find_failed", why: wordsOf(error) } });
    }
  }

  /** Forget what was found. */
  clear(): void {
    this.#asking?.abort();
    this.#choose(null);
    this.store.set({ listing: null });
    this.changed();
  }

  /** List some more, unless that is under way. */
  async more(): Promise<void> {
    const { collection } = this.store.state;
    const listing = this.listing;
    const chosen = this.#chosen;
    if (!collection || !listing || !chosen || listing.isListing) return;
    if (listing.asked >= chosen.size) return;
    const words = listing.query.kind === "words" ? listing.query.words : "";
    const signal = this.#asking?.signal;
    this.#tell({ isListing: true, failure: null });
    try {
      const page = await this.#page(collection, chosen, listing.asked, words);
      if (this.#chosen !== chosen) return;
      const { items } = this.listing as Listing;
      this.#tell({ ...page, items: [...items, ...page.items] });
    } catch (error) {
      if (this.#chosen !== chosen) return;
      const failure = { what: "find_failed", why: wordsOf(error) } as const;
      this.#tell({ isListing: false, failure: signal?.aborted ? null : failure });
    }
  }

  /** Somebody looks elsewhere: a list of what is in view follows. */
  looked(): void {
    if (this.listing?.query.kind !== "view") return;
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => void this.#follow(), REST_MS);
  }

  async #follow(): Promise<void> {
    const query = this.listing?.query;
    if (query?.kind !== "view") return;
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      await this.#select(query, asking.signal);
    } catch {
      // What was listed stays; whoever moves on is followed again.
      if (!asking.signal.aborted) this.#tell({ isListing: false });
    }
  }

  async #page(collection: string, chosen: Chosen, from: number, words = "") {
    const asked = Math.min(from + PAGE, chosen.size);
    const ids = Array.from({ length: asked - from }, (_, i) => chosen.idAt(from + i));
    const { items } = await this.client.records(collection, ids, words, this.#asking?.signal);
    return { items, asked, isListing: false };
  }

  /** Mark what was found among other points: those of a refit, or those that came. */
  relight(): void {
    const points = this.points();
    if (points && this.#chosen && this.listing?.query.kind !== "view") {
      this.painting.light(this.#chosen.rowsIn(points));
    }
  }

  /** Save what was found as a file. */
  async save(form: ExportForm): Promise<void> {
    const { collection } = this.store.state;
    const chosen = this.#chosen;
    if (!collection || !chosen || this.listing?.isExporting) return;
    this.#tell({ isExporting: true, failure: null });
    try {
      const body = await this.client.exported(collection, await wishFor(chosen, form));
      download(body, `${collection}.${form}`);
      this.#tell({ isExporting: false });
    } catch (error) {
      const failure = { what: "export_failed", why: wordsOf(error) } as const;
      this.#tell({ isExporting: false, failure });
    }
  }

  async #ask(collection: string, query: Query, signal: AbortSignal): Promise<void> {
    if (query.kind !== "words" && query.kind !== "like") {
      await this.#select(query, signal);
    } else if (query.kind === "words") {
      await this.#search(collection, query.words, signal);
    } else {
      const found = await this.client.neighbours(collection, query.id, MOST_NEIGHBOURS, signal);
      const { items, compared: records } = found;
      this.#choose(new ChosenByIds(items.map((one) => one.id)));
      const count = items.length;
      const told = { total: count, known: count, asked: count, searched: records, records };
      this.#tell({ state: "found", items, ...told });
    }
  }

  /** Tell the first hits at once; if that was not all, then all. */
  async #search(collection: string, words: string, signal: AbortSignal): Promise<void> {
    const wish = { words, limit: PAGE, signal };
    const first = await this.client.search(collection, {
      ...wish,
      ids: MOST_FIRST,
      withinMs: FIRST_MS,
    });
    const isAll = first.searched >= first.records && first.ids.length >= first.total;
    if (isAll || first.total > 0) this.#found(first, !isAll);
    if (!isAll)
      this.#found(await this.client.search(collection, { ...wish, ids: MOST_LIT }), false);
  }

  #found(found: Found, isLooking: boolean): void {
    const { total, searched, records, items, words } = found;
    this.#choose(new ChosenByIds(found.ids));
    const [known, asked] = [found.ids.length, Math.min(PAGE, found.ids.length)];
    const told = { total, known, searched, records, items, asked, words };
    this.#tell({ state: "found", ...told, isLooking, isListing: false });
  }

  async #select(query: Part, signal: AbortSignal): Promise<void> {
    const points = this.points();
    const { collection } = this.store.state;
    if (!points || !collection) return;
    const rows = await this.#rowsOf(points, query);
    if (signal.aborted) return;
    const chosen = new ChosenByRows(points, rows);
    this.#choose(chosen);
    const told = { total: rows.length, known: rows.length };
    const looked = { searched: points.size, records: points.size };
    const main = query.kind === "source" ? null : mainSource(points, rows);
    const isListing = rows.length > 0;
    this.#tell({ state: "found", failure: null, ...told, ...looked, main, isListing });
    const page = isListing ? await this.#page(collection, chosen, 0) : { items: [], asked: 0 };
    if (this.#chosen === chosen) this.#tell(page);
  }

  /** Return the rows of a part of the map that are shown. */
  async #rowsOf(points: Points, query: Part): Promise<Uint32Array> {
    const { coding, marks } = this.painting;
    const { entries, hidden } = this.store.state;
    const codes = new Set(entries.filter((one) => hidden.has(one.key)).map((one) => one.code));
    const isShown = (row: number) =>
      !marks?.isHidden(row) && !codes.has(coding?.codes[row] as number);
    if (query.kind === "region") return this.regions.rowsOf(points, query.region, isShown);
    if (query.kind === "source") return rowsOfSource(points, query.name, isShown);
    const corners = query.kind === "view" ? this.painting.corners : query.corners;
    return corners.length > 2 ? rowsInside(points, corners, isShown) : new Uint32Array(0);
  }

  #choose(chosen: Chosen | null): void {
    const wasChosen = this.#chosen !== null;
    this.#chosen = chosen;
    if (chosen) this.relight();
    else if (wasChosen) this.painting.light(null); // else there is nothing to draw anew
  }

  #tell(change: Partial<Listing>): void {
    const { listing } = this.store.state;
    if (listing) this.store.set({ listing: { ...listing, ...change } });
  }
}

/** Write what an export is asked for with, a slice at a time: it may be megabytes. */
async function wishFor(chosen: Chosen, form: ExportForm): Promise<Blob> {
  const count = Math.min(chosen.size, MOST_EXPORTED);
  const parts = [`{"format":"${form}","ids":[`];
  for (let from = 0; from < count; from += SLICE) {
    const length = Math.min(SLICE, count - from);
    const ids = Array.from({ length }, (_, i) => chosen.idAt(from + i));
    parts.push(from > 0 ? "," : "", JSON.stringify(ids).slice(1, -1));
    await new Promise((done) => setTimeout(done, 0));
  }
  return new Blob([...parts, "]}"], { type: "application/json" });
}

function download(body: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(body);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
