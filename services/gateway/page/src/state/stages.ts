// What stands in the place of the map when something went wrong.

import { AwayError, RefusedError } from "../api/http.ts";
import type { Stage } from "./app_state.ts";

const UNKNOWN = 401;
const FORBIDDEN = 403;

export function stageOf(error: unknown): Stage {
  if (error instanceof AwayError) return { kind: "away" };
  if (error instanceof RefusedError) {
    if (error.status === UNKNOWN) return { kind: "signing-in", error: "none" };
    if (error.status === FORBIDDEN) return { kind: "forbidden", detail: error.message };
  }
  return { kind: "failed", detail: error instanceof Error ? error.message : String(error) };
}
