// Jobs under way and those that ended lately: phases, counts, place in the queue, and what can be done.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { JobRecord } from "../api/schema.ts";
import { shortPath } from "../data/names.ts";
import { type Message, sized, t, written } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { isActive, JOB_STATES, kindName } from "./job_words.ts";
import { section } from "./system_parts.ts";

const LATELY_MS = 10 * 60_000;
const PHASES = ["acquiring", "validating", "embedding", "projecting", "writing", "done"] as const;
const PHASE_NAMES: Record<JobRecord["phase"], Message> = {
  acquiring: "phase_acquiring",
  validating: "phase_validating",
  embedding: "phase_embedding",
  projecting: "phase_projecting",
  writing: "phase_writing",
  done: "phase_done",
};
const ANALYSIS_PHASES: Record<NonNullable<JobRecord["analysis"]>["phase"], Message> = {
  downloading: "analysis_downloading",
  analyzing: "analysis_analyzing",
  matching: "analysis_matching",
  complete: "analysis_complete",
};
/** Whether one wants to see it at once: it is under way, waits for somebody, or has just ended. */
function isOfNow(job: JobRecord): boolean {
  if (isActive(job) || job.can_retry) return true;
  return job.ended_at !== null && Date.now() - Date.parse(job.ended_at) < LATELY_MS;
}

export class PageSourceJobs extends PageElement {
  protected override render() {
    const { jobs } = this.state.sources;
    if (jobs.length === 0) return nothing;
    const active = jobs.filter(isActive).length;
    const [present, past] = [jobs.filter(isOfNow), jobs.filter((one) => !isOfNow(one))];
    const list = (some: readonly JobRecord[]) =>
      html`<ul class="lines jobs">${repeat(
        some,
        ({ id }) => id,
        (one) => this.#job(one),
      )}</ul>`;
    return section(
      "jobs",
      active > 0 ? t("jobs_active", { count: active }) : t("jobs"),
      html`${present.length > 0 ? list(present) : nothing}
        ${
          past.length > 0
            ? html`<details class="ended">
                <summary>${t("jobs_ended", { count: past.length })}</summary>
                ${list(past)}
              </details>`
            : nothing
        }`,
    );
  }

  #job(job: JobRecord) {
    const [state, kind] = JOB_STATES[job.state];
    const since = job.ended_at ?? job.started_at ?? job.created_at;
    return html`<li class="line job" data-job=${job.id} data-kind=${job.kind} data-state=${job.state} data-phase=${job.phase}>
      <p class="line-head">
        <strong title=${job.filename}>${shortPath(job.filename, 48)}</strong>
        <span class="chip plain">${kindName(job.kind)}</span>
        <span class="chip ${kind}" data-told>
          ${job.position ? t("job_position", { place: job.position }) : t(state)}
        </span>
        ${job.is_stalled ? html`<span class="chip warn">${t("job_stalled")}</span>` : nothing}
        ${
          job.retries > 0
            ? html`<span class="chip plain" data-retries>${t("job_retries", { count: job.retries, most: job.max_retries })}</span>`
            : nothing
        }
        <span class="hint">${job.created_by}, <time>${written(since, true)}</time></span>
      </p>
      ${job.state === "running" || job.state === "failed" ? this.#phases(job) : nothing}
      ${this.#counts(job)} ${this.#analysis(job)}
      ${job.reason ? html`<p class="line-text">${job.reason}</p>` : nothing}
      ${this.#actions(job)} ${this.#log(job)}
    </li>`;
  }

  #phases(job: JobRecord) {
    const now = PHASES.indexOf(job.phase);
    return html`<ol class="phases" aria-label=${t("phases")}>
      ${PHASES.map(
        (phase, i) => html`<li
          data-phase=${phase}
          ?data-past=${i < now}
          ?data-failed=${i === now && job.state === "failed"}
          aria-current=${i === now ? "step" : "false"}
        >
          ${t(PHASE_NAMES[phase])}
        </li>`,
      )}
    </ol>`;
  }

  #counts(job: JobRecord) {
    const { seen, done, dead } = job.progress;
    const name = t("job_progress", { name: job.filename });
    const warned = job.warnings > 0 ? t("job_warnings", { count: job.warnings }) : "";
    if (seen === 0 && job.phase === "acquiring" && job.progress.received_bytes > 0) {
      return this.#bytes(job, name);
    }
    if (seen === 0) {
      return job.state === "running" ? html`<progress aria-label=${name}></progress>` : nothing;
    }
    const told = t("job_counts", { done: done + dead, seen, share: (done + dead) / seen });
    return html`<p class="progress-line">
      ${
        job.state === "running"
          ? html`<progress max=${seen} .value=${done + dead} aria-label=${name}></progress>`
          : nothing
      }
      <span class="hint" data-counts>${told} ${warned}</span>
    </p>`;
  }

  #analysis({ analysis }: JobRecord) {
    if (!analysis) return nothing;
    const { items_processed, matches_found, review_queue, errors } = analysis;
    const told = t("job_analysis_counts", {
      items: items_processed,
      matched: matches_found,
      review: review_queue,
      errors,
    });
    return html`<p class="hint" data-analysis=${analysis.phase}>
      <span class="chip plain">${t("job_analysis")}</span>
      ${t(ANALYSIS_PHASES[analysis.phase])}. ${told}
    </p>`;
  }

  /** How much of its file has come, while that comes. */
  #bytes(job: JobRecord, name: string) {
    const { received_bytes: received, total_bytes: total } = job.progress;
    return html`<p class="progress-line">
      ${
        job.state !== "running"
          ? nothing
          : total
            ? html`<progress max=${total} .value=${received} aria-label=${name}></progress>`
            : html`<progress aria-label=${name}></progress>`
      }
      <span class="hint" data-bytes>
        ${total ? t("tray_sent", { sent: sized(received), size: sized(total) }) : sized(received)}
      </span>
    </p>`;
  }

  #actions(job: JobRecord) {
    const { sources } = this.controller;
    const isOpen = this.state.sources.log?.job === job.id;
    const button = (name: string, text: Message, act: () => void) => html`<button
      class="text"
      type="button"
      data-action=${name}
      ?disabled=${this.state.sources.isBusy}
      @click=${act}
    >
      ${t(text)}<span class="unseen">${job.filename}</span>
    </button>`;
    return html`<p class="line-actions">
      ${
        job.can_cancel && sources.mayOperate
          ? button("cancel", "job_cancel", () => this.#cancel(job))
          : nothing
      }
      ${
        job.can_retry && sources.mayOperate
          ? button("retry", "job_retry", () => {
              void sources.retry(job.id, t("job_retried", { name: job.filename }));
            })
          : nothing
      }
      <button
        class="text"
        type="button"
        data-action="log"
        aria-expanded=${isOpen}
        @click=${() => void sources.showLog(isOpen ? null : job.id)}
      >
        ${t("job_log")}<span class="unseen">${job.filename}</span>
      </button>
    </p>`;
  }

  #log(job: JobRecord) {
    const { log } = this.state.sources;
    if (log?.job !== job.id) return nothing;
    return html`<ol class="job-log" tabindex="0" aria-label=${t("job_log_named", { name: job.filename })}>
      ${log.lines.map(({ at, line }) => html`<li><time>${written(at)}</time> ${line}</li>`)}
    </ol>`;
  }

  #cancel(job: JobRecord): void {
    this.controller.system.ask({
      title: t("job_cancel_ask", { name: job.filename }),
      text: t("job_cancel_what"),
      action: t("job_cancel"),
      isGrave: false,
      act: () =>
        void this.controller.sources.cancel(job.id, t("job_was_cancelled", { name: job.filename })),
    });
  }
}

customElements.define("page-source-jobs", PageSourceJobs);
