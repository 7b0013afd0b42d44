// Why a source is incomplete, which of its causes is the likely one, and what can be done about it.

import type { IncompleteSource } from "../api/schema.ts";
import { type Message, t, written } from "../i18n/index.ts";

/** Whoever writes a file has seldom paused for longer. */
const LATELY_MS = 10 * 60_000;
/** Files that hold no JSON, by their names, and are read where they are uploaded. */
const OTHER_FORMAT = /\.(csv|tsv|xlsx?|ods|parquet|md|markdown|txt)$/i;

interface Words {
  readonly why: Message;
  readonly todo: Message;
  /** If it has been so for longer. */
  readonly later?: Message;
  /** If its name tells that it is something else. */
  readonly other?: Message;
}

const WHY: Readonly<Record<string, Words>> = {
  empty: { why: "why_empty", todo: "todo_empty" },
  no_json_at_end: {
    why: "why_no_json_at_end",
    todo: "todo_written",
    later: "todo_cut_off",
    other: "todo_other_format",
  },
  no_final_answer: {
    why: "why_no_final_answer",
    todo: "todo_goes_on",
    later: "todo_no_final_answer",
  },
  changed_lately: { why: "why_changed_lately", todo: "todo_changed_lately" },
  no_sidecar: { why: "why_no_sidecar", todo: "todo_no_sidecar" },
};

/** Say all of it; of a reason that has no words here, what the service says. */
export function whyIncomplete(
  { filename, why, reason, since }: IncompleteSource,
  now = Date.now(),
): string {
  const known = why ? WHY[why] : undefined;
  if (!known) return reason ?? "";
  return `${t(known.why)} ${t(todoOf(known, filename, since, now), { since: since ? written(since, true) : "" })}`;
}

function todoOf(known: Words, filename: string, since: string | null, now: number): Message {
  if (known.other && OTHER_FORMAT.test(filename)) return known.other;
  const isOld = since !== null && now - Date.parse(since) > LATELY_MS;
  return isOld && known.later ? known.later : known.todo;
}
