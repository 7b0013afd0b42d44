// Chosen runs beside each other, step by step.

import { html, nothing } from "lit";
import type { Run } from "../api/schema.ts";
import { apart } from "../data/names.ts";
import { differsAt, partingOf } from "../data/parting.ts";
import { counted, t, written } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { section } from "./system_parts.ts";
import { endingOf, typeName } from "./texts.ts";

const MOST_NAME = 40;
const MOST_ENDING = 90;

export class PageCompared extends PageElement {
  #names: ReadonlyMap<string, string> = new Map();
  /** Where all steps are of one type, it says nothing. */
  #areTypesTold = false;

  protected override render() {
    const { chosen, paths } = this.state.runs;
    if (chosen.length === 0) return nothing;
    const runs = chosen.map((name) => paths[name]);
    this.#names = apart(chosen, MOST_NAME);
    const types = new Set(runs.flatMap((run) => run?.steps.map((step) => step.type) ?? []));
    this.#areTypesTold = types.size > 1;
    const most = Math.max(0, ...runs.map((one) => one?.steps.length ?? 0));
    const title = t("runs_compared");
    const known = runs.filter((run) => run !== undefined);
    const steps =
      known.length === runs.length && known.length > 1 ? known.map((one) => one.steps) : [];
    const parting = partingOf(steps);
    return section(
      "compared",
      title,
      html`${steps.length > 1 ? this.#parting(known, parting) : nothing}
      <div class="table-place" tabindex="0" role="region" aria-label=${title}>
        <table class="compared">
          <thead>
            <tr>
              <th scope="col"><span class="unseen">${t("record_step")}</span></th>
              ${chosen.map((name, i) => this.#head(name, runs[i], i))}
            </tr>
          </thead>
          <tbody>
            ${Array.from({ length: most }, (_, place) =>
              this.#row(runs, place, {
                isFirst: place === parting,
                isOther: differsAt(steps, place),
              }),
            )}
          </tbody>
        </table>
      </div>`,
    );
  }

  #head(name: string, run: Run | undefined, place: number) {
    const begun = run?.steps[0]?.timestamp;
    return html`<th scope="col" data-run=${name}>
      <span class="compared-name" title=${name}>
        <i class="run-mark run-${place}"></i>${this.#names.get(name)}
      </span>
      <span class="hint">
        ${run ? t("run_facts", { count: run.total, outcome: endingOf(run, MOST_ENDING) ?? t("run_no_outcome") }) : t("searching")}
      </span>
      ${begun ? html`<time class="hint">${written(begun, true)}</time>` : nothing}
      ${
        run && run.steps.length < run.total
          ? html`<span class="hint">${t("run_first_steps", { count: run.steps.length })}</span>`
          : nothing
      }
    </th>`;
  }

  /** Say where they part, and whether they end alike. */
  #parting(runs: readonly Run[], parting: number) {
    const ends = new Set(runs.map((one) => endingOf(one, MOST_ENDING)));
    return html`<p class="hint" data-parting=${parting}>
      ${parting < 0 ? t("runs_alike") : t("runs_part", { count: parting + 1 })}
      ${t(ends.size > 1 ? "runs_outcomes_differ" : "runs_outcomes_alike")}
    </p>`;
  }

  #row(
    runs: readonly (Run | undefined)[],
    place: number,
    { isFirst, isOther }: { isFirst: boolean; isOther: boolean },
  ) {
    return html`<tr ?data-other=${isOther} ?data-parts=${isFirst}>
      <th scope="row" class="numeric">
        ${counted(place + 1)}${isFirst ? html`<span class="unseen">${t("parts_here")}</span>` : nothing}
      </th>
      ${runs.map((run) => {
        const step = run?.steps[place];
        if (!step) return html`<td></td>`;
        return html`<td data-run=${run.name}>
          <button class="compared-step" type="button" @click=${() => this.#open(step.id)}>
            <span class="compared-text"
              >${this.#areTypesTold ? html`<span class="found-type">${typeName(step.type)}</span> ` : nothing}${step.beginning}</span
            >
          </button>
        </td>`;
      })}
    </tr>`;
  }

  #open(id: string): void {
    this.controller.finding.clear();
    void this.controller.opening.open(id);
    this.controller.navigation.go("map");
  }
}

customElements.define("page-compared", PageCompared);
