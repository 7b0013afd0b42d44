// Beside the map: whose paths are shown, and how each is drawn.

import { html, nothing } from "lit";
import { apart } from "../data/names.ts";
import { t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { cross } from "./icons.ts";
import { endingOf } from "./texts.ts";

const MOST_NAME = 34;
const MOST_ENDING = 60;

export class PageShownRuns extends PageElement {
  protected override render() {
    const { chosen, paths } = this.state.runs;
    if (chosen.length === 0) return nothing;
    const names = apart(chosen, MOST_NAME);
    return html`<section class="shown-runs" aria-labelledby="shown-runs-title">
      <div class="regions-head">
        <h2 id="shown-runs-title">${t("runs_shown")}</h2>
        <button
          class="text"
          type="button"
          data-action="hide-paths"
          @click=${() => this.controller.runs.choose([])}
        >
          ${t("runs_hide_all")}
        </button>
      </div>
      <ul>
        ${chosen.map((name, i) => {
          const run = paths[name];
          const facts = run
            ? t("run_facts", {
                count: run.total,
                outcome: endingOf(run, MOST_ENDING) ?? t("run_no_outcome"),
              })
            : t("searching");
          return html`<li>
            <i class="run-mark run-${i}"></i>
            <p class="shown-run">
              <span class="name" title=${name}>${names.get(name)}</span>
              <span class="hint">${facts}</span>
            </p>
            <button
              class="round"
              type="button"
              aria-label=${t("run_hide", { name })}
              title=${t("run_hide", { name })}
              @click=${() => this.controller.runs.toggle(name)}
            >
              ${cross}
            </button>
          </li>`;
        })}
      </ul>
      <p class="hint path-marks">
        <span><i class="path-mark begin"></i>${t("path_begin")}</span>
        <span><i class="path-mark end"></i>${t("path_end")}</span>
      </p>
    </section>`;
  }
}

customElements.define("page-shown-runs", PageShownRuns);
