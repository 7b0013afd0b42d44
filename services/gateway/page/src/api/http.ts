// How the gateway is asked, and what it means when it refuses or does not answer.

import type { Problem } from "./schema.ts";

/** What is wrong in a request, and where: `body.urls.3`. */
export interface Mistake {
  readonly where: string;
  readonly what: string;
}

/** The gateway refused, and says why. */
export class RefusedError extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly mistakes: readonly Mistake[] = [],
  ) {
    super(detail);
  }
}

/** The gateway did not answer. */
export class AwayError extends Error {}

/** Write the query of an address. */
export function query(values: Readonly<Record<string, string>>): string {
  return new URLSearchParams(values).toString();
}

/** Ask, and refuse what is no good answer. */
export async function fetched(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new AwayError("the gateway does not answer");
  }
  if (answer.ok) return answer;
  const { detail, errors } = await problemOf(answer);
  throw new RefusedError(answer.status, detail, errors);
}

/** Ask for JSON. */
export async function asked<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await fetched(path, init);
  return (await reading(answer.json())) as Answer;
}

/** Say what a request sends as JSON. */
export function sending(method: string, body: unknown): RequestInit {
  return {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}

/** Give the bytes of an answer as they come. */
export async function* piecesOf(answer: Response): AsyncGenerator<Uint8Array> {
  const reader = answer.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reading(reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    void reader.cancel().catch(() => {}); // of one that broke off there is nothing to cancel
  }
}

/** An answer that breaks off is as none. */
export async function reading<Value>(promise: Promise<Value>): Promise<Value> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new AwayError("the gateway's answer broke off");
  }
}

type Told = Pick<Problem, "detail"> & { readonly errors?: readonly Mistake[] };

async function problemOf(answer: Response): Promise<Told> {
  try {
    return (await answer.json()) as Told;
  } catch {
    return { detail: answer.statusText };
  }
}
