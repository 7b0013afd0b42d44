// A map without a point: what it is, how it gets some, and logs to try it with.

import { html, nothing } from "lit";
import { t } from "../i18n/index.ts";
import { command } from "./command.ts";
import { PageElement } from "./element.ts";

const BYTES_OF_KB = 1000;

export class PageEmpty extends PageElement {
  protected override render() {
    const { collection } = this.state;
    const upload = `.venv/bin/mapstream sources add FILE --collection ${collection ?? "default"}`;
    return html`<p>${t("empty_what")}</p>
      <p>${t("empty_how")}</p>
      ${command(upload)}
      <p>${t("empty_try")}</p>
      ${this.#offer()}`;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.controller.examples.look();
  }

  #offer() {
    const { session, examples } = this.state;
    const { rules, step, taken, detail } = examples;
    if (session?.role === "read") return html`<p class="hint">${t("examples_read")}</p>`;
    if (rules?.why_not) {
      return html`<p class="hint">${t("examples_none")}</p><p class="detail">${rules.why_not}</p>`;
    }
    const kilobytes = Math.round((rules?.size_bytes ?? 0) / BYTES_OF_KB);
    const what = rules ? t("examples_what", { count: rules.files, kilobytes }) : nothing;
    const told = {
      offered: what,
      adding: t("examples_adding"),
      added: t("examples_added", { count: taken }),
      refused: t("examples_refused"),
    }[step];
    return html`<div class="offer">
        <button
          class="main"
          type="button"
          data-action="examples"
          ?disabled=${!rules || step === "adding" || step === "added"}
          @click=${() => void this.controller.examples.add()}
        >
          ${t("examples_add")}
        </button>
        <p class="hint" role="status" data-step=${step}>${told}</p>
      </div>
      ${detail ? html`<p class="detail">${detail}</p>` : nothing}`;
  }
}

customElements.define("page-empty", PageEmpty);
