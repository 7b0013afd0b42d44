// Calls of the gateway that the page makes; a test compares them with its OpenAPI document.

import type { CollectionInfo, CollectionRecord, Problem, Session, WholeRecord } from "./schema.ts";

/** Every path that the page asks, as the OpenAPI document writes them. */
export const PATHS = {
  session: "/session",
  collections: "/collections",
  collection: "/api/collections/{name}",
  record: "/records/{record_id}",
  map: "/map",
  events: "/events",
} as const;

/** The gateway refused, and says why. */
export class RefusedError extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

/** The gateway did not answer. */
export class AwayError extends Error {}

/** What an answer with points says of the map. */
export interface MapHead {
  readonly since: string;
  readonly model: number | null;
  readonly dataset: number;
  readonly hasMore: boolean;
}

export interface MapAnswer {
  readonly head: MapHead;
  readonly body: ArrayBuffer;
}

/** Told how much of an answer has come, in bytes. */
export type Progress = (bytes: number) => void;

export class Client {
  session(): Promise<Session> {
    return this.#json(PATHS.session);
  }

  signIn(token: string): Promise<Session> {
    return this.#json(PATHS.session, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    });
  }

  signOut(): Promise<Session> {
    return this.#json(PATHS.session, { method: "DELETE" });
  }

  collections(): Promise<CollectionInfo[]> {
    return this.#json(PATHS.collections);
  }

  collection(name: string): Promise<CollectionRecord> {
    return this.#json(PATHS.collection.replace("{name}", encodeURIComponent(name)));
  }

  record(collection: string, id: string, signal?: AbortSignal): Promise<WholeRecord> {
    const path = PATHS.record.replace("{record_id}", encodeURIComponent(id));
    return this.#json(`${path}?${query({ collection })}`, signal ? { signal } : {});
  }

  /** Fetch every point of a map. */
  whole(collection: string, progress: Progress): Promise<MapAnswer> {
    return this.#map({ collection }, progress);
  }

  /** Fetch the points that came after a position. */
  since(collection: string, since: string, model: number | null): Promise<MapAnswer> {
    const known: { model_version?: string } = model === null ? {} : { model_version: `${model}` };
    return this.#map({ collection, since, ...known });
  }

  async #map(asked: Readonly<Record<string, string>>, progress?: Progress): Promise<MapAnswer> {
    const answer = await fetched(`${PATHS.map}?${query(asked)}`);
    const told = (name: string) => answer.headers.get(`x-mapstream-${name}`);
    const model = told("model-version");
    const head = {
      since: told("since") ?? "0",
      model: model === null ? null : Number(model),
      dataset: Number(told("dataset-version")),
      hasMore: told("more") === "true",
    };
    return { head, body: await bodyOf(answer, progress) };
  }

  async #json<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
    const answer = await fetched(path, init);
    return (await reading(answer.json())) as Answer;
  }
}

function query(values: Readonly<Record<string, string>>): string {
  return new URLSearchParams(values).toString();
}

async function fetched(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new AwayError("the gateway does not answer");
  }
  if (answer.ok) return answer;
  throw new RefusedError(answer.status, await detailOf(answer));
}

async function detailOf(answer: Response): Promise<string> {
  try {
    return ((await answer.json()) as Problem).detail;
  } catch {
    return answer.statusText;
  }
}

async function bodyOf(answer: Response, progress?: Progress): Promise<ArrayBuffer> {
  if (!progress || !answer.body) return reading(answer.arrayBuffer());
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reading(reader.read());
    if (done) break;
    pieces.push(value);
    bytes += value.length;
    progress(bytes);
  }
  const whole = new Uint8Array(bytes);
  let place = 0;
  for (const piece of pieces) {
    whole.set(piece, place);
    place += piece.length;
  }
  return whole.buffer;
}

/** An answer that breaks off is as none. */
async function reading<Value>(promise: Promise<Value>): Promise<Value> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new AwayError("the gateway's answer broke off");
  }
}
