// Calls of the gateway that the page makes; a test compares them with its OpenAPI document.

import type { ColumnKind } from "../data/extra.ts";
import { asked, fetched, piecesOf, query, reading, sending } from "./http.ts";
import type {
  CollectionInfo,
  CollectionRecord,
  Columns,
  ExampleRules,
  Found,
  Neighbours,
  Records,
  Regions,
  Run,
  Runs,
  Session,
  UploadAnswer,
  WholeRecord,
} from "./schema.ts";

/** Every path that the page asks, as the OpenAPI document writes them. */
export const PATHS = {
  session: "/session",
  collections: "/collections",
  collection: "/api/collections/{name}",
  record: "/records/{record_id}",
  neighbours: "/records/{record_id}/neighbours",
  records: "/records",
  search: "/search",
  regions: "/regions",
  runs: "/runs",
  run: "/run",
  export: "/export",
  columns: "/columns",
  examples: "/api/examples",
  addExamples: "/api/collections/{name}/examples",
  column: "/column",
  health: "/health",
  sources: "/sources",
  queues: "/queues",
  letters: "/dead-letters",
  letter: "/dead-letters/{sequence}",
  replay: "/dead-letters/replay",
  drop: "/dead-letters/drop",
  models: "/projections",
  refit: "/recompute-projection",
  rollback: "/rollback",
  operation: "/operations/{operation_id}",
  kept: "/api/collections",
  listed: "/api/collections/{name}/sources",
  preferences: "/api/collections/{name}/preferences",
  resumable: "/api/collections/{name}/uploads",
  limits: "/api/uploads/limits",
  look: "/api/uploads/preview",
  jobs: "/api/jobs",
  job: "/api/jobs/{job}",
  cancel: "/api/jobs/{job}/cancel",
  retry: "/api/jobs/{job}/retry",
  fetches: "/api/fetches",
  effects: "/api/audit",
  schedules: "/api/schedules",
  schedule: "/api/schedules/{schedule}",
  runSchedule: "/api/schedules/{schedule}/run",
  manifests: "/api/manifests",
  manifest: "/api/manifests/{manifest}",
  runManifest: "/api/manifests/{manifest}/run",
  matches: "/api/matches",
  exportMatches: "/api/matches/export",
  decideMatches: "/api/matches/decisions",
  map: "/map",
  events: "/events",
} as const;

/** What an answer with points says of the map. */
export interface MapHead {
  readonly since: string;
  readonly model: number | null;
  readonly dataset: number;
  /** Of a whole map: how many points follow. */
  readonly records: number | null;
  readonly hasMore: boolean;
}

export interface MapAnswer {
  readonly head: MapHead;
  /** An Arrow stream, as it comes. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** Words that are looked for, and how much is told of the records that have them. */
export interface Search {
  readonly words: string;
  readonly limit: number;
  readonly ids: number;
  readonly withinMs?: number;
  readonly signal: AbortSignal;
}

/** What a selection can be saved as. */
export { AwayError, RefusedError } from "./http.ts";

export type ExportForm = "csv" | "parquet";

export class Client {
  session(): Promise<Session> {
    return asked(PATHS.session);
  }

  signIn(token: string): Promise<Session> {
    return asked(PATHS.session, sending("POST", { token }));
  }

  signOut(): Promise<Session> {
    return asked(PATHS.session, { method: "DELETE" });
  }

  collections(): Promise<CollectionInfo[]> {
    return asked(PATHS.collections);
  }

  collection(name: string): Promise<CollectionRecord> {
    return asked(PATHS.collection.replace("{name}", encodeURIComponent(name)));
  }

  /** Fetch a record whole; sooner if its source is told. */
  record(collection: string, id: string, source?: string): Promise<WholeRecord> {
    const path = PATHS.record.replace("{record_id}", encodeURIComponent(id));
    return asked(`${path}?${query({ collection, ...(source ? { source } : {}) })}`);
  }

  /** Find the records whose text has every word; for some time only, if that is said. */
  search(collection: string, wish: Search): Promise<Found> {
    const { words, limit, ids, withinMs, signal } = wish;
    const said = { collection, q: words, limit: `${limit}`, ids: `${ids}` };
    const within = withinMs ? { within_ms: `${withinMs}` } : {};
    return asked(`${PATHS.search}?${query({ ...said, ...within })}`, { signal });
  }

  /** Find the records nearest to one. */
  neighbours(
    collection: string,
    id: string,
    limit: number,
    signal: AbortSignal,
  ): Promise<Neighbours> {
    const path = PATHS.neighbours.replace("{record_id}", encodeURIComponent(id));
    return asked(`${path}?${query({ collection, limit: `${limit}` })}`, { signal });
  }

  /** Fetch the beginnings of some records, or what is around some words. */
  records(
    collection: string,
    ids: readonly string[],
    words: string,
    signal?: AbortSignal,
  ): Promise<Records> {
    const marked: { q?: string } = words ? { q: words } : {};
    const wish = query({ collection, ids: ids.join(","), ...marked });
    return asked(`${PATHS.records}?${wish}`, signal ? { signal } : {});
  }

  /** Fetch the regions that were found last, with their names. */
  regions(collection: string): Promise<Regions> {
    return asked(`${PATHS.regions}?${query({ collection })}`);
  }

  /** Fetch a page of the table of runs. */
  runs(collection: string, wish: Readonly<Record<string, string>>): Promise<Runs> {
    return asked(`${PATHS.runs}?${query({ ...wish, collection })}`);
  }

  /** Fetch the path of a run. */
  run(collection: string, name: string): Promise<Run> {
    return asked(`${PATHS.run}?${query({ collection, name })}`);
  }

  /** Fetch some records as a file; the wish names them, and the kind of file, as JSON. */
  async exported(collection: string, wish: Blob): Promise<Blob> {
    const answer = await fetched(`${PATHS.export}?${query({ collection })}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: wish,
    });
    return reading(answer.blob());
  }

  /** List what a map can be coloured by, beside what every point has. */
  columns(collection: string, source?: string): Promise<Columns> {
    return asked(`${PATHS.columns}?${query({ collection, ...(source ? { source } : {}) })}`);
  }

  /** Fetch the values of one column. */
  async column(collection: string, name: string, kind: ColumnKind): Promise<ArrayBuffer> {
    const answer = await fetched(`${PATHS.column}?${query({ collection, name, kind })}`);
    return reading(answer.arrayBuffer());
  }

  /** Tell of the example logs that come with the program. */
  examples(): Promise<ExampleRules> {
    return asked(PATHS.examples);
  }

  /** Make them sources of a collection. */
  addExamples(collection: string): Promise<UploadAnswer> {
    const path = PATHS.addExamples.replace("{name}", encodeURIComponent(collection));
    return asked(path, { method: "POST" });
  }

  /** Fetch every point of a map. */
  whole(collection: string): Promise<MapAnswer> {
    return this.#map({ collection });
  }

  /** Fetch the points that came after a position. */
  since(collection: string, since: string, model: number | null): Promise<MapAnswer> {
    const known: { model_version?: string } = model === null ? {} : { model_version: `${model}` };
    return this.#map({ collection, since, ...known });
  }

  async #map(wish: Readonly<Record<string, string>>): Promise<MapAnswer> {
    const answer = await fetched(`${PATHS.map}?${query(wish)}`);
    const told = (name: string) => answer.headers.get(`x-mapstream-${name}`);
    const number = (name: string) => {
      const found = told(name);
      return found === null ? null : Number(found);
    };
    const head = {
      since: told("since") ?? "0",
      model: number("model-version"),
      dataset: number("dataset-version") ?? 0,
      records: number("records"),
      hasMore: told("more") === "true",
    };
    return { head, pieces: piecesOf(answer) };
  }
}
