// The account of all records, and the sources that are not whole, each with why.

import { html, nothing } from "lit";
import type { Sources } from "../api/schema.ts";
import { counted, type Message, t, written } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { figure, section } from "./system_parts.ts";
import { whyIncomplete } from "./why_incomplete.ts";

interface Line {
  readonly filename: string;
  readonly what: string;
  readonly reason: string;
  readonly since: string | null;
}

const STATES: Readonly<Record<string, Message>> = {
  completed: "source_completed",
  incomplete: "source_incomplete",
  reading: "sources_reading",
  dispatched: "sources_dispatched",
  failed: "source_failed",
  partial: "sources_partial",
};

export class PageSystemSources extends PageElement {
  protected override render() {
    const { sources } = this.state.system;
    if (!sources) return nothing;
    return section(
      "sources",
      t("sources"),
      html`${this.#account(sources)} ${this.#counts(sources)} ${this.#lines(sources)}`,
    );
  }

  #account({ records }: Sources) {
    const { seen = 0, mapped = 0, dead = 0, in_flight: flying = 0 } = records ?? {};
    return html`<dl class="account" aria-label=${t("account")}>
      ${figure(t("account_seen"), counted(seen), "seen")}<span aria-hidden="true">=</span>
      ${figure(t("account_mapped"), counted(mapped), "mapped")}<span aria-hidden="true">+</span>
      ${figure(t("account_dead"), counted(dead), dead > 0 ? "dead" : "")}<span aria-hidden="true">+</span>
      ${figure(t("account_flying"), counted(flying), "flying")}
    </dl>`;
  }

  #counts({ sources = {} }: Sources) {
    const told = Object.entries(sources).filter(([, count]) => count > 0);
    return html`<ul class="chips" aria-label=${t("sources")}>
      ${told.map(
        ([state, count]) => html`<li class="chip">
          ${STATES[state] ? t(STATES[state]) : state}: ${counted(count)}
        </li>`,
      )}
    </ul>`;
  }

  #lines(sources: Sources) {
    const lines = linesOf(sources);
    if (lines.length === 0) return html`<p class="hint">${t("sources_whole")}</p>`;
    return html`<ul class="lines">
      ${lines.map(
        (line) => html`<li class="line">
          <p class="line-head">
            <strong>${line.filename}</strong><span class="chip warn">${line.what}</span>
            ${line.since ? html`<time class="hint">${t("since", { time: written(line.since, true) })}</time>` : nothing}
          </p>
          <p class="line-text">${line.reason}</p>
        </li>`,
      )}
    </ul>`;
  }
}

function linesOf(told: Sources): Line[] {
  const incomplete = (told.incomplete ?? []).map((one) => ({
    filename: one.filename,
    what: t("source_incomplete"),
    reason: whyIncomplete(one),
    since: one.since ?? null,
  }));
  const failures = (told.failures ?? []).map(({ filename, reason }) => ({
    filename,
    what: t("source_failed"),
    reason,
    since: null,
  }));
  const stalled = (told.stalled ?? []).map(({ filename, stage, since, in_flight: count = 0 }) => ({
    filename,
    what: t("sources_stalled"),
    reason: t("stalled_at", { stage, count }),
    since,
  }));
  const gone = (told.gone ?? []).map(({ filename, since, mapped: count }) => ({
    filename,
    what: t("sources_gone"),
    reason: t("gone_stays", { count }),
    since,
  }));
  return [...failures, ...stalled, ...incomplete, ...gone];
}

customElements.define("page-system-sources", PageSystemSources);
