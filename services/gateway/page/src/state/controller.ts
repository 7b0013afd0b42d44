// What happens when something is clicked or told: changes the state, asks the gateway.

import { Client, RefusedError } from "../api/client.ts";
import { Events } from "../api/events.ts";
import { MatchClient } from "../api/match_client.ts";
import { SourceClient } from "../api/source_client.ts";
import { SystemClient } from "../api/system_client.ts";
import { type Audience, Live, type Move } from "../data/live.ts";
import type { Origins, Points } from "../data/points.ts";
import { Appearance } from "./appearance.ts";
import { Columns } from "./columns.ts";
import { Examples } from "./examples.ts";
import { Fetching } from "./fetching.ts";
import { Finding } from "./finding.ts";
import { Manifests } from "./manifests.ts";
import { MatchDesk } from "./matches.ts";
import { Navigation } from "./navigation.ts";
import { Notice } from "./notice.ts";
import { Opening } from "./opening.ts";
import { Painting } from "./painting.ts";
import { keep } from "./preferences.ts";
import { RecordCache } from "./record_cache.ts";
import { Regions } from "./regions.ts";
import { Runs } from "./runs.ts";
import { SourceDesk } from "./sources.ts";
import { stageOf } from "./stages.ts";
import { Store } from "./store.ts";
import { System } from "./system.ts";
import { Timing } from "./timing.ts";
import { Tray } from "./tray.ts";

const START_AGAIN_MS = 2000;

export class Controller {
  readonly store = new Store();
  readonly client = new Client();
  readonly system = new System(this.store, new SystemClient(), () => this.list());
  readonly sources = new SourceDesk(this.store, new SourceClient());
  readonly tray = new Tray(this.store, this.sources.client, () => void this.sources.look());
  readonly fetching = new Fetching(this.store, this.sources.client, () => void this.sources.look());
  readonly manifests = new Manifests(this.store, this.sources);
  readonly records = new RecordCache(this.client, (id) => this.points?.sourceOf(id));
  readonly navigation = new Navigation(this);
  readonly #changed = () => this.navigation.changed();
  readonly #points = () => this.points;
  readonly columns = new Columns(this.store, this.client, this.#points, () => this.#came());
  readonly painting = new Painting(this.store, this.#changed, (field) => this.columns.of(field));
  readonly appearance = new Appearance(this.store, this.painting);
  readonly opening = new Opening(this.store, this.records, this.#changed);
  readonly examples = new Examples(this.store, this.client);
  readonly runs = new Runs(this.store, this.client, this.#changed);
  readonly matches = new MatchDesk(this.store, new MatchClient(), {
    record: (collection, id, source) => this.client.record(collection, id, source),
    relist: () => this.list(),
    changed: this.#changed,
    refused: (error) => this.#show(error),
  });
  readonly regions = new Regions(this.store, this.client);
  readonly finding = new Finding(
    this.store,
    this.client,
    this.painting,
    this.regions,
    this.#points,
    this.#changed,
  );
  readonly timing = new Timing(
    this.store,
    this.painting,
    this.columns,
    this.#points,
    this.#changed,
  );
  #live: Live | null = null;
  #events: Events | null = null;
  #again: ReturnType<typeof setTimeout> | null = null;
  /** Counts how often the collections were listed: an older list is not told after a newer one. */
  #lists = 0;
  #notice = new Notice(this.store, { move: null });

  get points(): Points | null {
    return this.#live?.points ?? null;
  }

  /** Begin: as the reader prefers, and with what the address says. */
  async start(): Promise<void> {
    await this.appearance.begin();
    addEventListener("hashchange", ({ newURL }) => this.navigation.follow(new URL(newURL).hash));
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#live?.resume();
    });
    await this.enter();
  }

  /** Ask who we are and which maps there are, and show one. */
  async enter(): Promise<void> {
    this.#enterLater(null);
    try {
      // Both at once; who has to sign in first is refused the second, and that says nothing more.
      const listed = this.client.collections();
      listed.catch(() => {});
      const session = await this.client.session();
      this.store.set({ session });
      if (session.role === null) {
        this.store.set({ stage: { kind: "signing-in", error: "none" } });
        return;
      }
      this.store.set({ collections: await listed });
      this.navigation.follow();
    } catch (error) {
      this.#show(error);
      this.#enterLater(START_AGAIN_MS);
    }
  }

  /** Once, however often it failed: whoever is in is not led to the address again. */
  #enterLater(pause: number | null): void {
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = pause === null ? null : setTimeout(() => void this.enter(), pause);
  }

  /** See again which maps there are. */
  async list(): Promise<void> {
    this.#lists += 1;
    const lists = this.#lists;
    try {
      const collections = await this.client.collections();
      if (lists === this.#lists) this.store.set({ collections });
    } catch {
      // Those that are known stay; whoever looks at one hears of the trouble.
    }
  }

  async signIn(token: string): Promise<void> {
    try {
      await this.client.signIn(token.trim());
      await this.enter();
    } catch (error) {
      if (error instanceof RefusedError && [401, 403].includes(error.status)) {
        const kind = error.status === 401 ? "unknown" : "foreign";
        this.store.set({ stage: { kind: "signing-in", error: kind } });
      } else {
        this.#show(error);
      }
    }
  }

  async signOut(): Promise<void> {
    this.#leave();
    try {
      const session = await this.client.signOut();
      this.store.set({ session, stage: { kind: "signing-in", error: "none" }, count: 0 });
    } catch (error) {
      this.#show(error);
    }
  }

  /** Try now what would be tried later. */
  retry(): void {
    if (!this.#live) void this.enter();
    else this.#events?.connect();
  }

  /** Show another collection, from now on. */
  watch(collection: string): void {
    this.#leave();
    keep({ collection });
    this.store.set({
      collection,
      title: null,
      count: 0,
      arrived: 0,
      model: null,
      entries: [],
      hidden: new Set(),
      span: null,
      opened: { kind: "none" },
      stage: { kind: "loading", bytes: 0, share: null },
      connection: { kind: "connecting" },
      move: null,
    });
    this.appearance.name();
    const live = new Live(collection, this.client, this.#audience());
    this.#live = live;
    this.#events = new Events(collection, {
      opened: () => {
        this.store.set({ connection: { kind: "live" } });
        live.resume();
        void this.regions.refresh();
      },
      broken: (againAt) => {
        this.store.set({ connection: { kind: "broken", againAt } });
        if (!live.points) live.resume();
      },
      committed: (event) => live.committed(event),
      published: (event) => {
        live.published(event);
        this.columns.refresh();
        this.runs.refresh();
      },
      updated: (event) => live.updated(event),
      labelled: () => void this.regions.refresh(),
      changed: () => live.changed(),
    });
    this.#events.connect();
    void this.#entitle(collection);
  }

  #leave(): void {
    this.#events?.close();
    this.#live?.close();
    this.#events = null;
    this.#live = null;
    this.painting.leave();
    this.columns.leave();
    this.regions.leave();
    this.runs.leave();
    this.matches.leave();
    this.examples.leave();
    this.sources.leave();
    this.system.leave();
    this.finding.clear();
    this.store.set({ collection: null });
  }

  async #entitle(collection: string): Promise<void> {
    try {
      const { title } = await this.client.collection(collection);
      if (this.store.state.collection === collection) this.store.set({ title });
    } catch {
      // The name does.
    }
    this.appearance.name();
  }

  #audience(): Audience {
    return {
      loading: (bytes, share) => this.store.set({ stage: { kind: "loading", bytes, share } }),
      prepare: (points, origins) => this.painting.prepare(points, origins),
      replaced: (points, origins, move) => this.#replaced(points, origins, move),
      added: (from, hasChanged) => this.#added(from, hasChanged),
      isEmpty: () => this.store.set({ stage: { kind: "empty" } }),
      isCurrent: () => this.points && this.store.set({ stage: { kind: this.#kind } }),
      failed: (error) => {
        const isRefused = error instanceof RefusedError && [401, 403].includes(error.status);
        if (isRefused || !this.points) this.#show(error);
      },
    };
  }

  #replaced(points: Points, origins: Origins | null, move: Move | null): void {
    const { state } = this.store;
    this.store.set({
      stage: { kind: this.#kind },
      count: points.size,
      model: this.#live?.model ?? null,
      arrived: state.arrived + (origins?.added ?? 0),
    });
    this.columns.moveTo(points, origins?.rows ?? null);
    this.painting.replaced(points, origins);
    this.timing.apply();
    this.finding.relight();
    this.navigation.restore();
    this.records.clear();
    if (move) this.#notice.tell({ move });
  }

  /** A map without a point is as none. */
  get #kind() {
    return this.points && this.points.size > 0 ? "map" : "empty";
  }

  #added(from: number, hasChanged: boolean): void {
    const { points } = this;
    if (!points) return;
    const arrived = this.store.state.arrived + points.size - from;
    this.store.set({ count: points.size, arrived, stage: { kind: this.#kind } });
    this.painting.added(from, hasChanged);
    this.columns.refresh();
  }

  /** More is known of the points than before. */
  #came(): void {
    if (this.store.state.field.startsWith("@")) this.painting.encode();
    this.timing.apply();
    this.store.set({}); // whatever shows values is drawn anew
  }

  #show(error: unknown): void {
    const stage = stageOf(error);
    if (stage.kind === "signing-in") this.#leave();
    this.store.set({ stage });
  }
}
