// How jobs are called, in the reader's language.

import type { Effect, JobRecord } from "../api/schema.ts";
import { type Message, t } from "../i18n/index.ts";

export const JOB_STATES: Record<JobRecord["state"], readonly [Message, string]> = {
  queued: ["job_queued", "plain"],
  running: ["job_running", ""],
  succeeded: ["job_succeeded", "good"],
  failed: ["job_failed", "bad"],
  cancelled: ["job_cancelled", "warn"],
};
const JOB_KINDS: Readonly<Record<Effect["kind"], Message>> = {
  "re-embed": "job_reembed",
  delete: "job_delete",
  fetch: "job_fetch",
  manifest: "effect_manifest",
  match: "effect_match",
  preferences: "effect_preferences",
  schedule: "effect_schedule",
  upload: "job_upload",
};

/** Name what a job does; kinds that are newer than the page by their own name. */
export function kindName(kind: Effect["kind"]): string {
  const name: Message | undefined = JOB_KINDS[kind];
  return name ? t(name) : kind;
}

export function isActive(job: JobRecord): boolean {
  return job.state === "queued" || job.state === "running";
}
