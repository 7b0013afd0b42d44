// The runs of a map as a table: how long, how they ended, how unusual; chosen ones side by side.

import { html, nothing } from "lit";
import type { RunSummary } from "../api/schema.ts";
import { apart } from "../data/names.ts";
import { counted, type Message, t, written } from "../i18n/index.ts";
import type { Passage } from "../state/query.ts";
import { nameOfRegion } from "../state/regions.ts";
import { addressOfSource } from "../state/route.ts";
import { SORTS, type Sort } from "../state/run_order.ts";
import { MOST_PATHS } from "../state/runs.ts";
import "./compared.ts";
import { PageElement } from "./element.ts";
import { problem, section } from "./system_parts.ts";
import { endingOf } from "./texts.ts";

const NUMERIC: ReadonlySet<Sort> = new Set(["steps", "distance"]);
const HEADS: Record<Sort, Message> = {
  name: "run",
  steps: "run_steps",
  outcome: "run_outcome",
  begun: "run_begun",
  distance: "run_distance",
};

const MOST_NAME = 60;
const MOST_ENDING = 80;

export class PageRuns extends PageElement {
  #names: ReadonlyMap<string, string> = new Map();

  override connectedCallback(): void {
    super.connectedCallback();
    this.controller.runs.open();
  }

  protected override render() {
    const { runs } = this.state;
    const body = html`${this.#through(runs.through)}
      ${runs.state === "failed" ? problem(t("find_failed"), runs.detail) : this.#table()}`;
    const title = t("runs_count", { count: runs.total });
    return html`<div class="system" id="runs">
      ${section("runs", runs.state === "found" ? title : t("runs"), body)}
      <page-compared></page-compared> ${this.#chosen()}
    </div>`;
  }

  #through(through: Passage | null) {
    if (!through) {
      const what = `${t("run_distance")}: ${t("run_distance_what")}.`;
      return html`<p class="hint">${t("runs_hint", { count: MOST_PATHS })} ${what}</p>`;
    }
    const { searched, records } = this.state.runs;
    return html`<p class="line-actions" role="status">
      <span>${this.#common(through)}</span>
      <button
        class="text"
        type="button"
        data-action="all-runs"
        @click=${() => this.controller.runs.passing(null)}
      >
        ${t("runs_all")}
      </button>
    </p>
    ${
      searched !== null && records !== null && searched < records
        ? html`<p class="hint">${t("found_part", { searched, records })}</p>`
        : nothing
    }`;
  }

  /** Say what the listed runs have in common. */
  #common(through: Passage): string {
    if (through.kind === "words") return t("runs_with", { words: through.words });
    if (through.kind === "like") return t("runs_near");
    if (through.kind === "area") return t("runs_through_area");
    const found = this.controller.regions.named.find((one) => one.region === through.region);
    const name = nameOfRegion(found);
    return name ? t("runs_through", { name }) : t("runs_through_area");
  }

  #table() {
    const { items, total, through } = this.state.runs;
    this.#names = apart(
      items.map((one) => one.name),
      MOST_NAME,
    );
    return html`<div class="table-place" role="region" aria-label=${t("runs")} tabindex="0">
        <table>
          <thead>
            <tr>
              <th scope="col"><span class="unseen">${t("run_shown")}</span></th>
              ${SORTS.map((one) => this.#head(one))}
              ${through ? html`<th scope="col" class="numeric">${t("run_inside")}</th>` : nothing}
            </tr>
          </thead>
          <tbody>
            ${items.map((one) => this.#row(one))}
          </tbody>
        </table>
      </div>
      ${
        items.length < total
          ? html`<button
            class="text"
            type="button"
            data-action="more-runs"
            @click=${() => this.controller.runs.more()}
          >
            ${t("list_more", { count: total - items.length })}
          </button>`
          : nothing
      }`;
  }

  #head(sort: Sort) {
    const { sort: present, isDescending } = this.state.runs;
    const order = sort === present ? (isDescending ? "descending" : "ascending") : "none";
    const arrow = { ascending: " ↑", descending: " ↓", none: "" }[order];
    return html`<th scope="col" class=${NUMERIC.has(sort) ? "numeric" : ""} aria-sort=${order}>
      <button
        class="sort"
        type="button"
        data-sort=${sort}
        title=${sort === "distance" ? t("run_distance_what") : nothing}
        @click=${() => this.controller.runs.sortBy(sort)}
      >
        ${t(HEADS[sort])}<span aria-hidden="true">${arrow}</span>
      </button>
    </th>`;
  }

  #row(run: RunSummary) {
    const place = this.state.runs.chosen.indexOf(run.name);
    return html`<tr data-run=${run.name}>
      <td>
        <input
          type="checkbox"
          aria-label=${t("run_show", { name: run.name })}
          .checked=${place >= 0}
          @change=${() => this.controller.runs.toggle(run.name)}
        />
      </td>
      <th scope="row" title=${run.name}>
        <a class="name" href=${addressOfSource(this.state.collection ?? "", run.name)} title=${t("source_points", { name: run.name })}
          >${this.#names.get(run.name)}</a
        >
      </th>
      <td class="numeric">${counted(run.steps)}</td>
      <td class="ending" title=${run.answer ?? nothing}>${endingOf(run, MOST_ENDING) ?? "–"}</td>
      <td>${run.begun ? written(run.begun, true) : "–"}</td>
      <td class="numeric">${t("share", { share: run.distance })}</td>
      ${run.inside === null ? nothing : html`<td class="numeric">${counted(run.inside)}</td>`}
    </tr>`;
  }

  /** What can be done with the chosen runs: it stays in sight while one chooses. */
  #chosen() {
    const { chosen } = this.state.runs;
    if (chosen.length === 0) return nothing;
    return html`<div class="chosen-bar" role="group" aria-label=${t("runs_chosen", { count: chosen.length })}>
      <strong role="status">${t("runs_chosen", { count: chosen.length })}</strong>
      <button class="main" type="button" data-action="show-paths" @click=${this.#onMap}>
        ${t("runs_on_map")}
      </button>
      <button class="plain" type="button" data-action="compare" @click=${this.#compare}>
        ${t("runs_compare")}
      </button>
      <button
        class="text"
        type="button"
        data-action="choose-none"
        @click=${() => this.controller.runs.choose([])}
      >
        ${t("runs_choose_none")}
      </button>
    </div>`;
  }

  /** Whoever wants to see paths is not looking for what was found before. */
  #onMap = () => {
    this.controller.finding.clear();
    this.controller.opening.close();
    this.controller.navigation.go("map");
  };

  #compare = () => {
    const place = document.querySelector('[data-panel="compared"]');
    place?.scrollIntoView({ block: "start" });
    place?.querySelector<HTMLElement>(".table-place")?.focus({ preventScroll: true });
  };
}

customElements.define("page-runs", PageRuns);
