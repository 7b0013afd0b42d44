// How far a source is: its state, what is being done with it, and why it is not whole.

import { html, nothing } from "lit";
import type { JobRecord, SourceRow } from "../api/schema.ts";
import { type Message, t } from "../i18n/index.ts";
import type { AppState } from "../state/app_state.ts";
import { isActive, kindName } from "./job_words.ts";
import { whyIncomplete } from "./why_incomplete.ts";

const STATES: Record<SourceRow["status"], readonly [Message, string]> = {
  completed: ["source_completed", "good"],
  incomplete: ["source_incomplete", "warn"],
  reading: ["source_moving", ""],
  dispatched: ["source_moving", ""],
  failed: ["source_failed", "bad"],
  forgotten: ["source_forgotten", "plain"],
};

/** Find the job that does something with a source now. */
export function jobOf(one: SourceRow, jobs: readonly JobRecord[]): JobRecord | undefined {
  return jobs.find((job) => job.source_id === one.source_id && isActive(job));
}

/** Say it in a cell of a table. */
export function stateOf(one: SourceRow, state: AppState) {
  const job = jobOf(one, state.sources.jobs);
  const [name, kind] = STATES[one.status];
  const share = one.seen > 0 ? (one.staged + one.mapped + one.dead) / one.seen : 0;
  const isMoving = one.in_flight > 0 || one.status === "reading" || one.status === "dispatched";
  return html`<span class="chip ${kind}" data-state>${t(name)}</span>
    ${one.gone_at ? html`<span class="chip warn">${t("sources_gone")}</span>` : nothing}
    ${job ? html`<span class="chip plain">${kindName(job.kind)}</span>` : nothing}
    ${
      isMoving && one.status !== "failed"
        ? html`<progress max="1" .value=${share} aria-label=${t("source_progress", { name: one.filename })}></progress>`
        : nothing
    }
    ${one.reason ? html`<span class="line-text reason">${one.reason}</span>` : nothing}
    ${one.status === "incomplete" && !one.reason ? why(one.filename, state) : nothing}`;
}

/** Why a source is not whole, and what to do; of very many, the system tells of some. */
function why(filename: string, { collection, sources }: AppState) {
  const told = sources.incomplete.find((one) => one.filename === filename);
  if (!told) return html`<a class="text" href="#/system/${collection}">${t("sources_why")}</a>`;
  return html`<span class="line-text reason" data-why=${told.why}>
    ${whyIncomplete(told)}
  </span>`;
}
