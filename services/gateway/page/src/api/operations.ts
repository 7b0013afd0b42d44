// Commands that take longer than their request: what became of them is asked for again and again.

import { PATHS } from "./client.ts";
import { asked, RefusedError } from "./http.ts";
import type { Accepted, Operation } from "./schema.ts";

const AGAIN_MS = 700;

/** Wait for what became of a command, however long that takes. */
export async function settled<Answer>(asking: Promise<Answer | Accepted>): Promise<Answer> {
  const answer = await asking;
  const pending = answer as Partial<Accepted>;
  if (pending.status !== "pending" || !pending.correlation_id) return answer as Answer;
  const where = PATHS.operation.replace("{operation_id}", pending.correlation_id);
  for (;;) {
    await new Promise((done) => setTimeout(done, AGAIN_MS));
    const told = await asked<Operation>(where);
    if (told.state === "done") return told.result as Answer;
    if (told.state !== "pending") throw new RefusedError(422, told.reason ?? told.state);
  }
}
