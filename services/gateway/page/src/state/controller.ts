// What happens when something is clicked or told: changes the state, asks the gateway.

import { AwayError, Client, RefusedError } from "../api/client.ts";
import { Events } from "../api/events.ts";
import { Coding, type Field } from "../data/coding.ts";
import { type Audience, Live, type Move } from "../data/live.ts";
import type { Theme } from "../data/palettes.ts";
import type { Origins, Points } from "../data/points.ts";
import { type Language, speak, t } from "../i18n/index.ts";
import { keep, preferredLanguage, preferredTheme } from "./preferences.ts";
import { RecordCache } from "./record_cache.ts";
import { parseRoute, writeRoute } from "./route.ts";
import { Store } from "./store.ts";

/** What draws the points; there may be none yet. */
export interface Stagehand {
  show(points: Points, coding: Coding, origins: Origins | null): void;
  added(from: number, hasChanged: boolean): void;
  colour(coding: Coding, hidden: ReadonlySet<number>, theme: Theme): void;
}

const MOVE_SHOWN_MS = 14_000;
const START_AGAIN_MS = 2000;

export class Controller {
  readonly store = new Store();
  readonly client = new Client();
  readonly records = new RecordCache(this.client);
  #live: Live | null = null;
  #events: Events | null = null;
  #coding: Coding | null = null;
  #stagehand: Stagehand | null = null;
  #moveTimer: ReturnType<typeof setTimeout> | null = null;

  get points(): Points | null {
    return this.#live?.points ?? null;
  }

  get coding(): Coding | null {
    return this.#coding;
  }

  /** Begin: as the reader prefers, and with what the address says. */
  async start(): Promise<void> {
    await this.setLanguage(preferredLanguage(), false);
    this.setTheme(preferredTheme(), false);
    addEventListener("hashchange", () => this.#follow());
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#live?.resume();
    });
    await this.enter();
  }

  /** Ask who we are and which maps there are, and show one. */
  async enter(): Promise<void> {
    try {
      const session = await this.client.session();
      this.store.set({ session });
      if (session.role === null) {
        this.store.set({ stage: { kind: "signing-in", error: "none" } });
        return;
      }
      this.store.set({ collections: await this.client.collections() });
      this.#follow();
    } catch (error) {
      this.#show(error);
      setTimeout(() => void this.enter(), START_AGAIN_MS);
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
    const session = await this.client.signOut();
    this.store.set({ session, stage: { kind: "signing-in", error: "none" }, count: 0 });
  }

  /** Try now what would be tried later. */
  retry(): void {
    if (!this.#live) void this.enter();
    else this.#events?.connect();
  }

  setTheme(theme: Theme, isChosen = true): void {
    if (isChosen) keep({ theme });
    document.documentElement.dataset["theme"] = theme;
    this.store.set({ theme });
    this.#recolour();
  }

  async setLanguage(language: Language, isChosen = true): Promise<void> {
    if (isChosen) keep({ language });
    await speak(language);
    document.documentElement.lang = language;
    this.store.set({ language });
    this.#name();
  }

  setField(field: Field): void {
    this.store.set({ field, isFieldChosen: true, hidden: new Set() });
    this.#encode();
    this.#address();
  }

  /** Hide an entry of the legend, or show it again. */
  toggle(key: string): void {
    const hidden = new Set(this.store.state.hidden);
    if (!hidden.delete(key)) hidden.add(key);
    this.store.set({ hidden });
    this.#recolour();
  }

  /** Show only one entry; if it is the only one already, all. */
  only(key: string): void {
    const { entries, hidden } = this.store.state;
    const others = entries.map((one) => one.key).filter((one) => one !== key);
    const isAlone = !hidden.has(key) && others.every((one) => hidden.has(one));
    this.store.set({ hidden: new Set(isAlone ? [] : others) });
    this.#recolour();
  }

  showAll(): void {
    this.store.set({ hidden: new Set() });
    this.#recolour();
  }

  /** Open a record beside the map. */
  async openRecord(id: string): Promise<void> {
    const { collection, opened } = this.store.state;
    if (!collection || (opened.kind === "record" && opened.id === id)) return;
    this.store.set({ opened: { kind: "loading", id } });
    this.#address();
    const isStill = () => this.store.state.opened.kind !== "none" && this.openedId === id;
    try {
      const record = await this.records.get(collection, id);
      if (isStill()) this.store.set({ opened: { kind: "record", id, record } });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      if (isStill()) this.store.set({ opened: { kind: "failed", id, detail } });
    }
  }

  closeRecord(): void {
    this.store.set({ opened: { kind: "none" } });
    this.#address();
  }

  get openedId(): string | null {
    const { opened } = this.store.state;
    return opened.kind === "none" ? null : opened.id;
  }

  choose(collection: string): void {
    this.store.set({ opened: { kind: "none" } });
    location.hash = writeRoute({ collection, record: null, field: this.#chosenField });
  }

  /** Have somebody draw, from now on. */
  drawWith(stagehand: Stagehand | null): void {
    this.#stagehand = stagehand;
    if (stagehand && this.points && this.#coding) {
      stagehand.show(this.points, this.#coding, null);
      this.#recolour();
    }
  }

  #follow(): void {
    const { collections, collection, field } = this.store.state;
    if (this.store.state.session?.role === null) return;
    const route = parseRoute(location.hash);
    const name = route.collection ?? collections[0]?.name ?? null;
    if (route.field && route.field !== field) this.setField(route.field);
    if (name && name !== collection) this.#watch(name);
    if (route.record && route.record !== this.openedId) void this.openRecord(route.record);
    if (!route.record && this.openedId) this.store.set({ opened: { kind: "none" } });
  }

  #watch(collection: string): void {
    this.#leave();
    this.store.set({
      collection,
      title: null,
      count: 0,
      arrived: 0,
      model: null,
      entries: [],
      hidden: new Set(),
      stage: { kind: "loading", bytes: 0 },
      connection: { kind: "connecting" },
      move: null,
    });
    this.#name();
    const live = new Live(collection, this.client, this.#audience());
    this.#live = live;
    this.#events = new Events(collection, {
      opened: () => {
        this.store.set({ connection: { kind: "live" } });
        live.resume();
      },
      broken: (againAt) => {
        this.store.set({ connection: { kind: "broken", againAt } });
        if (!live.points) live.resume();
      },
      committed: (event) => live.committed(event),
      published: (event) => live.published(event),
      updated: (event) => live.updated(event),
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
    this.#coding = null;
    this.store.set({ collection: null });
  }

  async #entitle(collection: string): Promise<void> {
    try {
      const { title } = await this.client.collection(collection);
      if (this.store.state.collection === collection) this.store.set({ title });
    } catch {
      // The name does.
    }
    this.#name();
  }

  #audience(): Audience {
    return {
      loading: (bytes) => this.store.set({ stage: { kind: "loading", bytes } }),
      replaced: (points, origins, move) => this.#replaced(points, origins, move),
      added: (from, hasChanged) => this.#added(from, hasChanged),
      isEmpty: () => this.store.set({ stage: { kind: "empty" } }),
      isCurrent: () => {
        if (this.points) this.store.set({ stage: { kind: "map" } });
      },
      failed: (error) => {
        const isRefused = error instanceof RefusedError && [401, 403].includes(error.status);
        if (isRefused || !this.points) this.#show(error);
      },
    };
  }

  #replaced(points: Points, origins: Origins | null, move: Move | null): void {
    const { state } = this.store;
    const field = state.isFieldChosen ? state.field : telling(points);
    this.#coding = new Coding(points, field);
    const came = origins ? origins.isNew.reduce((sum, one) => sum + one, 0) : 0;
    this.store.set({
      stage: { kind: "map" },
      field,
      count: points.size,
      model: this.#live?.model ?? null,
      arrived: state.arrived + came,
      entries: this.#coding.entries(),
    });
    this.#stagehand?.show(points, this.#coding, origins);
    this.#recolour();
    this.records.clear();
    if (move) this.#tell(move);
  }

  #added(from: number, hasChanged: boolean): void {
    const coding = this.#coding;
    const points = this.points;
    if (!coding || !points) return;
    if (hasChanged) coding.recode();
    const isRecoded = coding.update() || hasChanged;
    this.store.set({
      count: points.size,
      entries: coding.entries(),
      arrived: this.store.state.arrived + points.size - from,
    });
    this.#stagehand?.added(from, hasChanged);
    if (isRecoded) this.#recolour();
  }

  #tell(move: Move): void {
    if (this.#moveTimer !== null) clearTimeout(this.#moveTimer);
    this.store.set({ move });
    this.#moveTimer = setTimeout(() => this.store.set({ move: null }), MOVE_SHOWN_MS);
  }

  #encode(): void {
    if (!this.points) return;
    this.#coding = new Coding(this.points, this.store.state.field);
    this.store.set({ entries: this.#coding.entries() });
    this.#recolour();
  }

  #recolour(): void {
    const { hidden, theme, entries } = this.store.state;
    if (!this.#coding) return;
    const codes = entries.filter((one) => hidden.has(one.key)).map((one) => one.code);
    this.#stagehand?.colour(this.#coding, new Set(codes), theme);
  }

  #show(error: unknown): void {
    if (error instanceof AwayError) {
      this.store.set({ stage: { kind: "away" } });
    } else if (error instanceof RefusedError && error.status === 401) {
      this.#leave();
      this.store.set({ stage: { kind: "signing-in", error: "none" } });
    } else if (error instanceof RefusedError && error.status === 403) {
      this.store.set({ stage: { kind: "forbidden", detail: error.message } });
    } else {
      const detail = error instanceof Error ? error.message : String(error);
      this.store.set({ stage: { kind: "failed", detail } });
    }
  }

  get #chosenField(): Field | null {
    return this.store.state.isFieldChosen ? this.store.state.field : null;
  }

  #address(): void {
    const { collection } = this.store.state;
    const hash = writeRoute({ collection, record: this.openedId, field: this.#chosenField });
    if (location.hash !== hash) history.replaceState(null, "", hash);
  }

  #name(): void {
    const { title, collection } = this.store.state;
    const name = title ?? collection;
    document.title = name ? t("page_title", { name }) : t("title");
  }
}

/** Return what to colour by at first: where all are of one type, that would be one colour. */
function telling(points: Points): Field {
  return points.types.words.length > 1 ? "type" : "source";
}
