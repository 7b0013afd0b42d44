// Lines that come and go over the map: what a refit did, and that the connection broke.

import { html, nothing } from "lit";
import type { Move } from "../data/live.ts";
import { t } from "../i18n/index.ts";
import type { AppState } from "../state/app_state.ts";
import { PageElement } from "./element.ts";
import { cross } from "./icons.ts";

export class PageNotices extends PageElement {
  protected override render() {
    const { move, connection, stage, regionNews } = this.state;
    const isBroken = connection.kind === "broken" && stage.kind === "map";
    return html`<div class="notices">
      <div role="status" aria-live="polite">
        ${
          isBroken
            ? html`<p class="notice warning" data-notice="broken">
              <span>${t("broken_banner")}</span>
              <button class="text" type="button" @click=${() => this.controller.retry()}>
                ${t("retry")}
              </button>
            </p>`
            : nothing
        }
        ${move ? this.#line("move", lineOf(move), { move: null }) : nothing}
        ${
          regionNews !== null
            ? this.#line("regions", t("regions_found", { count: regionNews }), { regionNews: null })
            : nothing
        }
      </div>
    </div>`;
  }

  #line(name: string, text: string, without: Partial<AppState>) {
    return html`<p class="notice" data-notice=${name}>
      <span>${text}</span>
      <button
        class="round small"
        type="button"
        aria-label=${t("close")}
        @click=${() => this.controller.store.set(without)}
      >
        ${cross}
      </button>
    </p>`;
  }
}

function lineOf({ from, to, share, explained }: Move): string {
  if (!explained) return t("moved", { from, to, share });
  return t("moved_explained", { from, to, share, before: explained[0], after: explained[1] });
}

customElements.define("page-notices", PageNotices);
