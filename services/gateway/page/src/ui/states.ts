// What stands in the place of the map when there is none, each with what to do next.

import { html, nothing, type TemplateResult } from "lit";
import { type Message, t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { copy } from "./icons.ts";
import "./sign_in.ts";

const EXAMPLE = ".venv/bin/mapstream run examples/runs";
const STATUS = ".venv/bin/mapstream status";
const COPIED_MS = 2000;

export class PageStage extends PageElement {
  #copied = false;

  protected override render() {
    const { stage } = this.state;
    switch (stage.kind) {
      case "map":
        return nothing;
      case "loading":
        return this.#loading(stage.bytes);
      case "empty":
        return this.#card("empty", "empty_title", [
          html`<p>${t("empty_what")}</p><p>${t("empty_how")}</p><p>${t("empty_try")}</p>`,
          this.#command(EXAMPLE),
        ]);
      case "away":
        return this.#card("away", "away_title", [
          html`<p>${t("away_what")}</p>`,
          this.#command(STATUS),
          this.#again(),
        ]);
      case "failed":
        return this.#card("failed", "failed_title", [
          html`<p>${t("failed_what")}</p><p class="detail">${stage.detail}</p>`,
          this.#again(),
        ]);
      case "forbidden":
        return this.#card("forbidden", "forbidden_title", [
          html`<p>${t("forbidden_what")}</p><p class="detail">${stage.detail}</p>`,
          html`<page-sign-in></page-sign-in>`,
        ]);
      case "signing-in":
        return this.#card("signing-in", "sign_in_title", [
          html`<p>${t("sign_in_what")}</p>`,
          html`<page-sign-in></page-sign-in>`,
        ]);
    }
  }

  #loading(bytes: number) {
    const megabytes = bytes / 1e6;
    return html`<div class="stage" data-stage="loading" role="status">
      <div class="pulse" aria-hidden="true"><i></i><i></i><i></i></div>
      <p>${t("loading")}</p>
      <p class="hint">${megabytes >= 0.1 ? t("loading_bytes", { megabytes }) : nothing}</p>
    </div>`;
  }

  #card(kind: string, title: Message, parts: readonly TemplateResult[]) {
    return html`<div class="stage" data-stage=${kind}>
      <section class="card" role="status" aria-labelledby="stage-title">
        <h2 id="stage-title">${t(title)}</h2>
        ${parts}
      </section>
    </div>`;
  }

  #command(command: string) {
    return html`<div class="command">
      <code>${command}</code>
      <button class="text" type="button" @click=${() => void this.#copy(command)}>
        ${copy}<span>${t(this.#copied ? "copied" : "copy")}</span>
      </button>
    </div>`;
  }

  #again() {
    return html`<button class="main" type="button" @click=${() => this.controller.retry()}>
      ${t("retry")}
    </button>`;
  }

  async #copy(command: string): Promise<void> {
    await navigator.clipboard.writeText(command);
    this.#copied = true;
    this.requestUpdate();
    setTimeout(() => {
      this.#copied = false;
      this.requestUpdate();
    }, COPIED_MS);
  }
}

customElements.define("page-stage", PageStage);
