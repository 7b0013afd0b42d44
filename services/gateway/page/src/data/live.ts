// Keeps the points as the map is: loads it, adds what comes, and finds what it missed.

import { AwayError, type Client, type MapAnswer, RefusedError } from "../api/client.ts";
import type { ProjectionUpdated, WritingCommitted, WritingPublished } from "../api/schema.ts";
import { readRemovals, readRows, readTables } from "./arrow.ts";
import { HEADROOM, type Origins, originsOf, Points } from "./points.ts";
import { counted, type Progress } from "./progress.ts";
import { Slices } from "./slices.ts";

/** What a new model did to the map. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly share: number;
  readonly explained: readonly [before: number, after: number] | null;
}

/** Whoever shows the points. */
export interface Audience {
  /** How much has come, of how much there is, if that is known. */
  loading(bytes: number, share: number | null): void;
  /** All points are about to be shown: get ready, in short slices. */
  prepare(points: Points, origins: Origins | null): Promise<void>;
  /** All points, for the first time or anew; with where they stood before. */
  replaced(points: Points, origins: Origins | null, move: Move | null): void;
  /** Points from a row on are new; others have changed in place, if it says so. */
  added(from: number, hasChanged: boolean): void;
  /** There is no map yet. */
  isEmpty(): void;
  isCurrent(): void;
  failed(error: unknown): void;
}

type Calls = Pick<Client, "whole" | "since" | "collections">;

const GONE = 410;
const NOT_FOUND = 404;
const AGAIN_MS = 1500;

interface State {
  points: Points;
  /** Version of the files that the points came from, before those that were added. */
  readonly dataset: number;
  since: string;
  readonly model: number | null;
}

export class Live {
  #state: State | null = null;
  #committed = 0;
  #updates = new Map<number, ProjectionUpdated>();
  #hasLost = false;
  #published = 0;
  #suspicion = "";
  #isWorking = false;
  #wanted: "nothing" | "news" | "check" | "whole" = "nothing";
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isClosed = false;

  constructor(
    private readonly collection: string,
    private readonly calls: Calls,
    private readonly audience: Audience,
  ) {}

  get points(): Points | null {
    return this.#state?.points ?? null;
  }

  get model(): number | null {
    return this.#state?.model ?? null;
  }

  /** Look what there is, since anything may have happened. */
  resume(): void {
    this.#want("check");
  }

  committed(event: WritingCommitted): void {
    this.#committed = Math.max(this.#committed, event.dataset_version);
    this.#want("news");
  }

  published(event: WritingPublished): void {
    this.#published = Math.max(this.#published, event.dataset_version);
    const isMoved = this.#state !== null && event.model_version !== this.#state.model;
    this.#want(isMoved || this.#hasLost ? "whole" : "check");
  }

  /** Points may have left the map; the next files show it. */
  changed(): void {
    this.#hasLost = true;
  }

  updated(event: ProjectionUpdated): void {
    this.#updates.set(event.model.version, event);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #want(what: "news" | "check" | "whole"): void {
    const order = ["nothing", "news", "check", "whole"];
    if (order.indexOf(what) > order.indexOf(this.#wanted)) this.#wanted = what;
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      while (this.#wanted !== "nothing" && !this.#isClosed) {
        const wanted = this.#wanted;
        this.#wanted = "nothing";
        await this.#do(wanted);
      }
    } catch (error) {
      if (!this.#isClosed) this.#fail(error);
    } finally {
      this.#isWorking = false;
    }
  }

  #fail(error: unknown): void {
    if (error instanceof RefusedError && error.status === NOT_FOUND) {
      if (this.#state === null) this.audience.isEmpty();
      this.#later("check");
      return;
    }
    this.audience.failed(error);
    const isPassing =
      error instanceof RefusedError && (error.status >= 500 || error.status === 429);
    if (isPassing || error instanceof AwayError) this.#later("check");
  }

  #later(what: "check" | "whole"): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#want(what), AGAIN_MS);
  }

  async #do(wanted: "news" | "check" | "whole"): Promise<void> {
    const state = this.#state;
    const isNeeded = state === null || (wanted === "whole" && state.dataset < this.#published);
    if (state === null || isNeeded) {
      await this.#load();
    } else {
      const isOutdated = !(await this.#add(state, this.audience));
      if (isOutdated) {
        await this.#loadIfNewer(state);
        return;
      }
      if (wanted !== "news") await this.#compare(state);
    }
    if (!this.#isClosed) this.audience.isCurrent();
  }

  /** Load the whole map, if its files are others than those that the points here came from. */
  async #loadIfNewer(state: State): Promise<void> {
    const told = await this.#told();
    if (told === undefined) throw new RefusedError(NOT_FOUND, "there is no such map");
    if (told.dataset_version !== null && told.dataset_version > state.dataset) await this.#load();
    // The files may be older than the points that were told of: their news comes when they are.
    this.#later("check");
  }

  /** Find out by the count whether points left the map while nobody looked. */
  async #compare(state: State): Promise<void> {
    const told = await this.#told();
    if (told === undefined || told.dataset_version === null) return;
    const { size } = state.points;
    const isSame = told.model_version === state.model && told.records === size;
    if (isSame || told.dataset_version < this.#committed) {
      this.#suspicion = "";
      return; // what was committed is perhaps not in the files yet: their news comes
    }
    const suspicion = `${told.dataset_version} ${told.records} ${size}`;
    if (this.#suspicion === suspicion) {
      this.#suspicion = "";
      await this.#load();
    } else {
      this.#suspicion = suspicion;
      this.#later("check");
    }
  }

  async #told() {
    const all = await this.calls.collections();
    return all.find((one) => one.name === this.collection);
  }

  async #load(): Promise<void> {
    const old = this.#state;
    const answer = await this.calls.whole(this.collection);
    const empty = new Points(old?.points.types, old?.points.sources);
    const { since, model, dataset, records } = answer.head;
    const hasLost = this.#hasLost;
    this.#hasLost = false;
    const room = Math.ceil((records ?? 0) * HEADROOM);
    const { points } = await this.#take(empty, answer, room, (bytes) => {
      const share = records ? Math.min(1, empty.size / records) : null;
      if (old === null) this.audience.loading(bytes, share);
    });
    const state: State = { points, since, model, dataset };
    if (old === null) {
      await this.#show(state, points, null, null);
      await this.#add(state, this.audience);
      return;
    }
    // What was committed meanwhile belongs to the same picture; of a newer model, it cannot.
    const isWhole = await this.#add(state, null);
    if (!isWhole && state.points.size < old.points.size) {
      this.#hasLost ||= hasLost;
      this.#later("check"); // until the files of that model are there, nothing is taken away
      return;
    }
    const origins = await originsOf(state.points, old.points);
    await this.#show(state, state.points, origins, this.#moveFrom(old, state, origins));
  }

  /** Show other points; until that is ready, those that are shown stay what is known. */
  async #show(
    state: State,
    points: Points,
    origins: Origins | null,
    move: Move | null,
  ): Promise<void> {
    await this.audience.prepare(points, origins);
    if (this.#isClosed) return;
    state.points = points;
    this.#state = state;
    this.audience.replaced(points, origins, move);
  }

  /** Add what was committed since; tells whether that was possible. */
  async #add(state: State, audience: Audience | null): Promise<boolean> {
    for (;;) {
      let answer: MapAnswer;
      try {
        answer = await this.calls.since(this.collection, state.since, state.model);
      } catch (error) {
        if (error instanceof RefusedError && error.status === GONE) return false;
        throw error;
      }
      const before = state.points;
      const from = before.size;
      const { points, replaced } = await this.#take(before, answer);
      state.since = answer.head.since;
      if (audience === null) state.points = points;
      else if (points !== before)
        await this.#show(state, points, await originsOf(points, before), null);
      else if (!this.#isClosed && (replaced > 0 || points.size > from)) {
        audience.added(from, replaced > 0);
      }
      if (!answer.head.hasMore || this.#isClosed) return true;
    }
  }

  /** Take in an answer, first what left, then what came: into a table, or one without what left. */
  async #take(
    before: Points,
    answer: MapAnswer,
    room = 0,
    progress: Progress = () => {},
  ): Promise<{ points: Points; replaced: number }> {
    const slices = new Slices();
    let points: Points | null = null;
    let replaced = 0;
    for await (const table of readTables(counted(answer.pieces, progress))) {
      points ??= await before.without(readRemovals(table));
      for (const rows of readRows(table, points.types, points.sources)) {
        points.reserve(room);
        replaced += points.add(rows);
        await slices.rest;
      }
    }
    return { points: points ?? before, replaced };
  }

  #moveFrom(old: State | null, state: State, origins: Origins | null): Move | null {
    if (!old || !origins || old.model === null || state.model === null) return null;
    if (old.model === state.model) return null;
    const told = this.#updates.get(state.model);
    this.#updates.clear();
    const isStep = told?.model.parent === old.model;
    const movement = isStep ? told?.movement : null;
    return {
      from: old.model,
      to: state.model,
      share: movement?.rms_share ?? origins.movedShare,
      explained: movement ? [movement.explained_before, movement.explained_after] : null,
    };
  }
}
