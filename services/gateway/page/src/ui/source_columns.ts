// Which columns the records of a source have, what became of each, and a way to replace the file.

import { html, nothing } from "lit";
import type { Column, SourceRow } from "../api/schema.ts";
import { type Message, t } from "../i18n/index.ts";
import { ARRIVAL } from "../state/columns.ts";
import { type Use, useOfKept } from "../state/uses.ts";
import { PageElement } from "./element.ts";
import { columnName } from "./texts.ts";

const KINDS: Record<Column["kind"], Message> = {
  word: "column_words",
  number: "column_numbers",
  time: "column_times",
};
const USED: Record<Use, Message> = {
  text: "used_text",
  context: "used_context",
  none: "column_none",
};
const SEEN_AS = "attributes.";

interface Line {
  readonly name: string;
  readonly use: Use;
  readonly kind: Column["kind"] | null;
  readonly share: number | null;
}

export class PageSourceColumns extends PageElement {
  static override properties = { row: { attribute: false } };
  declare row: SourceRow;
  #lines: readonly Line[] | null = null;
  #trouble = "";

  protected override render() {
    const name = this.row.filename;
    return html`<details class="source-columns" @toggle=${this.#toggle}>
      <summary>${t("source_columns")}<span class="unseen">${name}</span></summary>
      ${this.#trouble ? html`<p class="detail">${this.#trouble}</p>` : nothing}
      ${this.#lines ? this.#table(this.#lines, name) : html`<p class="hint">${t("searching")}</p>`}
      ${this.row.upload && this.controller.sources.mayOperate ? this.#replace() : nothing}
    </details>`;
  }

  #table(lines: readonly Line[], name: string) {
    if (lines.length === 0) return html`<p class="hint">${t("source_columns_none")}</p>`;
    return html`<table class="looked" aria-label=${t("look_columns", { name })}>
      <thead>
        <tr>
          <th scope="col">${t("column")}</th>
          <th scope="col">${t("column_use")}</th>
          <th scope="col">${t("column_kind")}</th>
          <th scope="col" class="numeric">${t("column_filled")}</th>
        </tr>
      </thead>
      <tbody>
        ${lines.map(
          (one) => html`<tr data-column=${one.name}>
            <th scope="row">${columnName(one.name)}</th>
            <td>${t(USED[one.use])}</td>
            <td>${one.kind ? t(KINDS[one.kind]) : nothing}</td>
            <td class="numeric">${one.share === null ? nothing : t("share", { share: one.share })}</td>
          </tr>`,
        )}
      </tbody>
    </table>`;
  }

  /** Another file takes its place, read by the same columns. */
  #replace() {
    const { filename, upload } = this.row;
    const picked = (event: Event) => {
      const input = event.target as HTMLInputElement;
      const [file] = input.files ?? [];
      input.value = "";
      if (!file || !upload) return;
      this.controller.tray.replace(new File([file], filename, { type: file.type }), upload);
      document.querySelector('[data-panel="tray"]')?.scrollIntoView({ block: "start" });
    };
    return html`<p class="line-actions">
        <label class="plain file" data-action="replace">
          <input type="file" class="unseen" @change=${picked} />
          ${t("source_replace")}<span class="unseen">${filename}</span>
        </label>
      </p>
      <p class="hint">${t("source_replace_what")}</p>`;
  }

  #toggle = (event: Event) => {
    if ((event.target as HTMLDetailsElement).open && !this.#lines) void this.#ask();
  };

  async #ask(): Promise<void> {
    const { collection } = this.state;
    if (!collection) return;
    const { filename, upload } = this.row;
    try {
      const { items, sampled } = await this.controller.client.columns(collection, filename);
      const told = items.filter(({ name }) => name !== ARRIVAL);
      const found = told.map(({ name, kind, records }): Line => {
        const plain = name.startsWith(SEEN_AS) ? name.slice(SEEN_AS.length) : name;
        const share = records / Math.max(1, sampled);
        return { name: plain, use: useOfKept(plain, upload), kind, share };
      });
      const known = new Set(found.map((one) => one.name));
      const texts = (upload?.text_columns ?? []).filter((one) => !known.has(one));
      const first = texts.map((name): Line => ({ name, use: "text", kind: null, share: null }));
      this.#lines = [...first, ...found];
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
    }
    this.requestUpdate();
  }
}

customElements.define("page-source-columns", PageSourceColumns);
