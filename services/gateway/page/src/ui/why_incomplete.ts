// Why a source is incomplete, and what can be done about it.

import { type Message, t } from "../i18n/index.ts";

const WHY: Readonly<Record<string, readonly [why: Message, todo: Message]>> = {
  empty: ["why_empty", "todo_empty"],
  no_json_at_end: ["why_no_json_at_end", "todo_no_json_at_end"],
  no_final_answer: ["why_no_final_answer", "todo_no_final_answer"],
  changed_lately: ["why_changed_lately", "todo_changed_lately"],
  no_sidecar: ["why_no_sidecar", "todo_no_sidecar"],
};

/** Say both; of a reason that has no words here, what the service says. */
export function whyIncomplete(why: string | null, reason: string | null): string {
  const known = why ? WHY[why] : undefined;
  return known ? `${t(known[0])} ${t(known[1])}` : (reason ?? "");
}
