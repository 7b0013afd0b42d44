// A record, whole, with the steps of its run before and after it.

import { html, nothing } from "lit";
import type { RunStep, WholeRecord } from "../api/schema.ts";
import { rowsInside, spotOf } from "../data/areas.ts";
import { marked } from "../data/marked.ts";
import { shortPath } from "../data/names.ts";
import { isRow } from "../data/rows_of_tables.ts";
import { type Message, t, written } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { back, cross, forth, list, path, similar } from "./icons.ts";
import { lit, placeOf, typeName } from "./texts.ts";

interface Ways {
  readonly way: Message;
  readonly end: Message;
}

const STEP_WAYS: Record<"previous" | "next", Ways> = {
  previous: { way: "previous", end: "first_step" },
  next: { way: "next", end: "last_step" },
};
const ROW_WAYS: Record<"previous" | "next", Ways> = {
  previous: { way: "previous_row", end: "first_row" },
  next: { way: "next_row", end: "last_row" },
};

export class PageRecord extends PageElement {
  #focused: string | null = null;

  protected override render() {
    const { opened } = this.state;
    if (opened.kind === "none") return nothing;
    return html`<section class="record" aria-labelledby="record-title" @keydown=${this.#keys}>
      <div class="record-head">
        ${this.#backToList()}
        <h2 id="record-title" tabindex="-1">${this.#title()}</h2>
        <button
          class="round"
          type="button"
          data-action="close"
          aria-label=${t("close")}
          title=${t("close")}
          @click=${this.#close}
        >
          ${cross}
        </button>
      </div>
      ${opened.kind === "loading" ? html`<p class="waiting">${t("record_loading")}</p>` : nothing}
      ${
        opened.kind === "failed"
          ? html`<div class="trouble">
            <p>${t("record_failed")}</p>
            <p class="detail">${opened.detail}</p>
          </div>`
          : nothing
      }
      ${opened.kind === "record" ? this.#record(opened.record) : nothing}
    </section>`;
  }

  protected override updated(): void {
    const { isListShown, listing } = this.state;
    const id = isListShown && listing ? null : this.controller.opening.id;
    if (id && id !== this.#focused) this.querySelector<HTMLElement>("#record-title")?.focus();
    this.#focused = id;
  }

  #backToList() {
    if (!this.state.listing) return nothing;
    return html`<button
      class="round"
      type="button"
      data-action="back-to-list"
      aria-label=${t("back_to_list")}
      title=${t("back_to_list")}
      @click=${() => this.controller.store.set({ isListShown: true })}
    >
      ${list}
    </button>`;
  }

  #title() {
    const { opened } = this.state;
    if (opened.kind !== "record") return t("record");
    return placeOf(opened.record);
  }

  #record(record: WholeRecord) {
    return html`<div class="record-body">
        <p class="record-facts">
          <span class="chip">${typeName(record.type)}</span>
          ${record.timestamp ? html`<time>${written(record.timestamp)}</time>` : nothing}
        </p>
        ${this.#ways(record)} ${this.#ended(record)}
        <div class="record-text" tabindex="0" role="group" aria-label=${t("record")}>${lit(marked(record.text, this.state.listing?.words ?? []))}</div>
        <dl class="facts-list">
          ${fact(t("record_source"), this.#source(record))}
          ${isRow(record.type) ? nothing : fact(t("record_step"), String(record.iteration))}
          ${fact(t("record_id"), record.id, "code")}
        </dl>
        ${this.#attributes(record)}
      </div>
      <nav class="steps" aria-label=${placeOf(record)}>
        ${this.#step(record, "previous")} ${this.#step(record, "next")}
      </nav>`;
  }

  /** From the record to others: those near to it, and the run that it is a step of. */
  #ways({ id, filename, type }: WholeRecord) {
    const { finding, runs } = this.controller;
    const isPathShown = this.state.runs.chosen.includes(filename);
    return html`<p class="record-ways">
      ${way("like", similar, t("more_like_this"), () => void finding.find({ kind: "like", id }))}
      ${
        isRow(type)
          ? nothing
          : html`<button
              class="text"
              type="button"
              data-action="path"
              aria-pressed=${isPathShown}
              @click=${() => runs.toggle(filename)}
            >
              ${path}${t(isPathShown ? "run_path_hide" : "run_path_show")}
            </button>`
      }
      ${this.#others(id)}
    </p>`;
  }

  /** A way to those that stand on the same spot: they cannot be pointed at one by one. */
  #others(id: string) {
    const { points, finding } = this.controller;
    const row = points?.ids.findText(id) ?? -1;
    if (!points || row < 0) return nothing;
    const corners = spotOf(points, row);
    const count = rowsInside(points, corners, () => true).length;
    if (count < 2) return nothing;
    const show = () => void finding.find({ kind: "area", corners });
    return way("spot", list, t("on_spot", { count }), show);
  }

  #source({ filename }: WholeRecord) {
    const show = () => void this.controller.finding.find({ kind: "source", name: filename });
    return html`<button class="text inline" type="button" data-action="source" title=${t("source_points", { name: filename })} @click=${show}>
      ${filename}
    </button>`;
  }

  /** How its run ended, where the record says so. */
  #ended({ type, attributes }: WholeRecord) {
    const [answer, outcome] = [attributes["final_answer"], attributes["outcome"]];
    if (isRow(type) || (answer == null && outcome == null)) return nothing;
    return html`<dl class="facts-list ended">
      ${outcome == null ? nothing : fact(t("run_outcome"), told(outcome))}
      ${answer == null ? nothing : fact(t("final_answer"), told(answer))}
    </dl>`;
  }

  #attributes({ attributes }: WholeRecord) {
    const said = Object.entries(attributes);
    if (said.length === 0) return nothing;
    return html`<details class="more">
      <summary>${t("record_more")}</summary>
      <dl class="facts-list">${said.map(([name, value]) => fact(name, told(value)))}</dl>
    </details>`;
  }

  #step(record: WholeRecord, direction: "previous" | "next") {
    const step: RunStep | null = record[direction];
    const words = (isRow(record.type) ? ROW_WAYS : STEP_WAYS)[direction];
    if (!step) return html`<p class="step end">${t(words.end)}</p>`;
    return html`<button
      class="step"
      type="button"
      data-way=${direction}
      @click=${() => void this.controller.opening.open(step.id)}
    >
      <span class="way">${direction === "previous" ? back : nothing}${t(words.way)}${direction === "next" ? forth : nothing}</span>
      <span class="beginning">${shortPath(step.beginning.trim(), 400)}</span>
    </button>`;
  }

  #keys = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.#close();
  };

  #close = () => {
    this.controller.opening.close();
    document.getElementById("map-canvas")?.focus();
  };
}

function way(action: string, icon: unknown, name: string, act: () => void) {
  return html`<button class="text" type="button" data-action=${action} @click=${act}>
    ${icon}${name}
  </button>`;
}

function fact(name: string, value: unknown, kind = "") {
  return html`<div><dt>${name}</dt><dd class=${kind}>${value}</dd></div>`;
}

function told(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

customElements.define("page-record", PageRecord);
