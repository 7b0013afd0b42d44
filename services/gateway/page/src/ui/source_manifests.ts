// Lists of sources that are applied every few hours, what became of each row, and what can be done.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { ManifestItem, ManifestRecord } from "../api/schema.ts";
import { shortPath } from "../data/names.ts";
import { counted, t, written } from "../i18n/index.ts";
import { lastRun, type OpenedManifest } from "../state/manifests.ts";
import { addressOfSource } from "../state/route.ts";
import { PageElement } from "./element.ts";
import { isActive, JOB_STATES } from "./job_words.ts";
import { OUTCOMES, toldOf, WORDS } from "./manifest_words.ts";
import { refusalsOf, regularActions, regularFacts, regularRuns } from "./regular.ts";
import "./source_manifest_form.ts";
import { section } from "./system_parts.ts";

const MOST_NAME = 44;

export class PageSourceManifests extends PageElement {
  protected override render() {
    const { all } = this.state.sources.manifests;
    const { mayOperate } = this.controller.sources;
    if (all.length === 0 && !mayOperate) return nothing;
    return section(
      "manifests",
      t("manifests"),
      html`<p class="hint">${t("manifests_what")}</p>
        ${
          all.length > 0
            ? html`<ul class="lines">${repeat(
                all,
                ({ id }) => id,
                (one) => this.#line(one, mayOperate),
              )}</ul>`
            : html`<p class="hint">${t("manifests_none")}</p>`
        }
        ${mayOperate ? html`<page-source-manifest-form></page-source-manifest-form>` : nothing}`,
    );
  }

  #line(one: ManifestRecord, mayOperate: boolean) {
    const last = lastRun(one);
    return html`<li class="line" data-manifest=${one.id}>
      ${regularFacts(one, one.name, one.url ?? one.name, WORDS)}
      <p class="hint manifest-place">${one.url ?? t("manifest_from_file")}</p>
      ${last ? html`<p class="line-text" data-last=${last.state}>${t("manifest_last")} ${toldOf(last)}</p>` : nothing}
      ${this.#opened(one)} ${mayOperate ? this.#actions(one) : nothing}
    </li>`;
  }

  /** What it lists, and its last runs, once somebody wants to see that. */
  #opened(one: ManifestRecord) {
    const { opened } = this.state.sources.manifests;
    const isOpen = opened?.id === one.id;
    const toggled = (event: Event) => {
      const { open } = event.target as HTMLDetailsElement;
      if (open !== isOpen) void this.controller.manifests.open(open ? one.id : null);
    };
    return html`<details ?open=${isOpen} @toggle=${toggled}>
      <summary>${t("manifest_items")}<span class="unseen">${one.name}</span></summary>
      ${
        isOpen
          ? html`${this.#items(one, opened)}
            <h3>${t("schedule_runs")}</h3>
            ${regularRuns(one.runs ?? [], (run) => (run.state === null ? nothing : html`– ${toldOf(run)}`))}`
          : nothing
      }
    </details>`;
  }

  #items({ name }: ManifestRecord, { items, most }: OpenedManifest) {
    if (items === null) return html`<p class="hint" role="status">${t("searching")}</p>`;
    if (items.length === 0) return html`<p class="hint">${t("manifest_no_items")}</p>`;
    return html`<div class="table-place" role="region" aria-label=${t("manifest_items_of", { name })} tabindex="0">
        <table class="stacked">
          <thead>
            <tr>
              <th scope="col" class="numeric">${t("manifest_row")}</th>
              <th scope="col">${t("source_name")}</th>
              <th scope="col">${t("manifest_outcome")}</th>
              <th scope="col">${t("manifest_asked")}</th>
              <th scope="col" class="wide-cell">${t("effect_why")}</th>
            </tr>
          </thead>
          <tbody>
            ${items.slice(0, most).map((one) => this.#item(one))}
          </tbody>
        </table>
      </div>
      ${
        items.length > most
          ? html`<button class="text" type="button" data-action="more-items" @click=${() => this.controller.manifests.more()}>
            ${t("list_more", { count: items.length - most })}
          </button>`
          : nothing
      }`;
  }

  #item(one: ManifestItem) {
    const [outcome, kind] = OUTCOMES[one.outcome];
    const job = this.state.sources.jobs.find(({ id }) => id === one.job);
    const [state, how] = job ? JOB_STATES[job.state] : [null, ""];
    return html`<tr data-item=${one.name} data-outcome=${one.outcome}>
      <td class="numeric">${one.row > 0 ? counted(one.row) : "–"}</td>
      <th scope="row" title=${one.url ?? one.name}>${this.#name(one)}</th>
      <td>
        <span class="chip ${kind}">${t(outcome)}</span>
        ${state && job && (isActive(job) || job.state === "failed") ? html`<span class="chip ${how}">${t(state)}</span>` : nothing}
      </td>
      <td>${one.asked_at ? html`<time>${written(one.asked_at, true)}</time>` : nothing}</td>
      <td class="wide-cell">${[one.reason, one.notes].filter(Boolean).join(" · ")}</td>
    </tr>`;
  }

  /** The name of one that was fetched leads to its points. */
  #name({ name, filename, asked_at }: ManifestItem) {
    if (!filename || !asked_at) return shortPath(name, MOST_NAME);
    return html`<a
      class="name"
      href=${addressOfSource(this.state.collection ?? "", filename)}
      title=${t("source_points", { name: filename })}
      >${shortPath(name, MOST_NAME)}</a
    >`;
  }

  #actions({ id, name, ...one }: ManifestRecord) {
    const { sources, system } = this.controller;
    return regularActions(one, name, WORDS, {
      run: () =>
        void sources.command(
          (client) => client.runManifest(id),
          t("manifest_runs_now", { name }),
          refusalsOf(WORDS),
        ),
      change: (change) => void sources.command((client) => client.changeManifest(id, change)),
      remove: () =>
        system.ask({
          title: t("manifest_remove_ask", { name }),
          text: t("manifest_remove_what"),
          action: t("schedule_remove"),
          isGrave: true,
          act: () => void sources.command((client) => client.removeManifest(id)),
        }),
    });
  }
}

customElements.define("page-source-manifests", PageSourceManifests);
