// A record, whole, with the steps of its run before and after it.

import { html, nothing } from "lit";
import type { RunStep, WholeRecord } from "../api/schema.ts";
import { t, written } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { back, cross, forth } from "./icons.ts";
import { shortPath, typeName } from "./texts.ts";

export class PageRecord extends PageElement {
  #focused: string | null = null;

  protected override render() {
    const { opened } = this.state;
    if (opened.kind === "none") return nothing;
    return html`<section class="record" aria-labelledby="record-title" @keydown=${this.#keys}>
      <div class="record-head">
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
    const id = this.controller.openedId;
    if (id && id !== this.#focused) this.querySelector<HTMLElement>("#record-title")?.focus();
    this.#focused = id;
  }

  #title() {
    const { opened } = this.state;
    if (opened.kind !== "record") return t("record");
    const { place, steps } = opened.record;
    return t("record_place", { place, steps });
  }

  #record(record: WholeRecord) {
    return html`<div class="record-body">
        <p class="record-facts">
          <span class="chip">${typeName(record.type)}</span>
          ${record.timestamp ? html`<time>${written(record.timestamp)}</time>` : nothing}
        </p>
        <div class="record-text" tabindex="0" role="group" aria-label=${t("record")}>${record.text}</div>
        <dl class="facts-list">
          ${fact(t("record_source"), record.filename)}
          ${fact(t("record_step"), String(record.iteration))}
          ${fact(t("record_id"), record.id, "code")}
        </dl>
        ${this.#attributes(record)}
      </div>
      <nav class="steps" aria-label=${t("record_place", { place: record.place, steps: record.steps })}>
        ${this.#step(record.previous, "previous")} ${this.#step(record.next, "next")}
      </nav>`;
  }

  #attributes({ attributes }: WholeRecord) {
    const said = Object.entries(attributes);
    if (said.length === 0) return nothing;
    return html`<details class="more">
      <summary>${t("record_more")}</summary>
      <dl class="facts-list">${said.map(([name, value]) => fact(name, told(value)))}</dl>
    </details>`;
  }

  #step(step: RunStep | null, way: "previous" | "next") {
    if (!step) {
      return html`<p class="step end">${t(way === "previous" ? "first_step" : "last_step")}</p>`;
    }
    return html`<button
      class="step"
      type="button"
      data-way=${way}
      @click=${() => void this.controller.openRecord(step.id)}
    >
      <span class="way">${way === "previous" ? back : nothing}${t(way)}${way === "next" ? forth : nothing}</span>
      <span class="beginning">${shortPath(step.beginning.trim(), 400)}</span>
    </button>`;
  }

  #keys = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.#close();
  };

  #close = () => {
    this.controller.closeRecord();
    document.getElementById("map-canvas")?.focus();
  };
}

function fact(name: string, value: string, kind = "") {
  return html`<div><dt>${name}</dt><dd class=${kind}>${value}</dd></div>`;
}

function told(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

customElements.define("page-record", PageRecord);
