// What was done with sources, by whom, and how it came out.

import { html } from "lit";
import type { Effect } from "../api/schema.ts";
import { shortPath } from "../data/names.ts";
import { type Message, t, written } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { JOB_STATES, kindName } from "./job_words.ts";
import { section } from "./system_parts.ts";

const ACTIONS: Readonly<Record<Effect["action"], Message>> = {
  submit: "effect_submit",
  cancel: "effect_cancel",
  retry: "effect_retry",
  end: "effect_end",
  add: "effect_add",
  change: "effect_change",
  remove: "effect_remove",
};

export class PageSourceEffects extends PageElement {
  protected override render() {
    const { effects } = this.state.sources;
    const table = html`<div class="table-place effects" role="region" aria-label=${t("effects")} tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">${t("effect_when")}</th>
            <th scope="col">${t("effect_who")}</th>
            <th scope="col">${t("effect_what")}</th>
            <th scope="col">${t("source_name")}</th>
            <th scope="col">${t("effect_outcome")}</th>
            <th scope="col">${t("effect_why")}</th>
          </tr>
        </thead>
        <tbody>
          ${effects.map((one) => this.#row(one))}
        </tbody>
      </table>
    </div>`;
    return section(
      "effects",
      t("effects"),
      effects.length > 0 ? table : html`<p class="hint">${t("effects_none")}</p>`,
    );
  }

  #row(one: Effect) {
    const [outcome, kind] = JOB_STATES[one.outcome];
    const action: Message | undefined = ACTIONS[one.action];
    return html`<tr data-effect=${one.number} data-action-done=${one.action}>
      <td><time>${written(one.at, true)}</time></td>
      <td>${one.who}</td>
      <td>${kindName(one.kind)}: ${action ? t(action) : one.action}</td>
      <th scope="row" title=${one.filename}>${shortPath(one.filename, 36)}</th>
      <td><span class="chip ${kind}">${t(outcome)}</span></td>
      <td class="wide-cell">${one.reason ?? ""}</td>
    </tr>`;
  }
}

customElements.define("page-source-effects", PageSourceEffects);
