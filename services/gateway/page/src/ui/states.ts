// What stands in the place of the map when there is none, each with what to do next.

import { html, nothing, type TemplateResult } from "lit";
import { type Message, t } from "../i18n/index.ts";
import { command } from "./command.ts";
import { PageElement } from "./element.ts";
import "./empty.ts";
import "./sign_in.ts";

const STATUS = ".venv/bin/mapstream status";

export class PageStage extends PageElement {
  protected override render() {
    const { stage } = this.state;
    switch (stage.kind) {
      case "map":
        return nothing;
      case "loading":
        return this.#loading(stage.bytes, stage.share);
      case "empty":
        return this.#card("empty", "empty_title", [html`<page-empty></page-empty>`]);
      case "away":
        return this.#card("away", "away_title", [
          html`<p>${t("away_what")}</p>`,
          command(STATUS),
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

  #loading(bytes: number, share: number | null) {
    const megabytes = bytes / 1e6;
    const told = share === null ? t("loading_bytes", { megabytes }) : t("loading_share", { share });
    return html`<div class="stage" data-stage="loading" role="status">
      <div class="pulse" aria-hidden="true"><i></i><i></i><i></i></div>
      <p>${t("loading")}</p>
      <p class="hint">${megabytes >= 0.1 ? told : nothing}</p>
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

  #again() {
    return html`<button class="main" type="button" @click=${() => this.controller.retry()}>
      ${t("retry")}
    </button>`;
  }
}

customElements.define("page-stage", PageStage);
