// Follows the public events of a collection, and comes back by itself after a break.

import { PATHS } from "./client.ts";
import type { ProjectionUpdated, WritingCommitted, WritingPublished } from "./schema.ts";

const RETRY_MS = 1500;
const MOST_RETRY_MS = 10_000;

/** What is done when something is told. */
export interface Listener {
  /** The stream goes on, for the first time or again: anything may have happened before. */
  opened(): void;
  /** The stream broke off; it is tried again at some time, on the clock of `Date.now`. */
  broken(againAt: number): void;
  committed(event: WritingCommitted): void;
  published(event: WritingPublished): void;
  updated(event: ProjectionUpdated): void;
  /** The regions of the map were found anew. */
  labelled(): void;
  /** Something else about the sources: what they have may be less now. */
  changed(): void;
}

/** How a stream is opened; tests have their own. */
export type Open = (url: string) => EventSource;

const SOURCES = ["source.forgotten", "source.gone", "source.returned"];

/** The stream of one collection. */
export class Events {
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  #isClosed = false;

  constructor(
    private readonly collection: string,
    private readonly listener: Listener,
    private readonly open: Open = (url) => new EventSource(url),
  ) {}

  /** Open the stream now, also if that was meant to be later. */
  connect(): void {
    this.#drop();
    if (this.#isClosed) return;
    const asked = new URLSearchParams({ collection: this.collection });
    const source = this.open(`${PATHS.events}?${asked}`);
    this.#source = source;
    source.onopen = () => {
      this.#failures = 0;
      this.listener.opened();
    };
    source.onerror = () => this.#retry();
    const on = (family: string, tell: (data: string) => void) => {
      source.addEventListener(family, (event) => tell((event as MessageEvent<string>).data));
    };
    on("writing.committed", (data) => this.listener.committed(JSON.parse(data)));
    on("writing.published", (data) => this.listener.published(JSON.parse(data)));
    on("projection.updated", (data) => this.listener.updated(JSON.parse(data)));
    on("map.labels", () => this.listener.labelled());
    for (const family of SOURCES) on(family, () => this.listener.changed());
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  // Its own way of coming back ends for good when it is refused once, and tells nobody when.
  #retry(): void {
    this.#drop();
    const pause = Math.min(MOST_RETRY_MS, RETRY_MS * 1.5 ** this.#failures);
    this.#failures += 1;
    this.listener.broken(Date.now() + pause);
    this.#timer = setTimeout(() => this.connect(), pause);
  }

  #drop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#source?.close();
    this.#source = null;
  }
}
