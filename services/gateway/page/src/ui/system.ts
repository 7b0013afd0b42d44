// The running system on one page: stages, sources, dead letters, projection, collections.

import { html, nothing } from "lit";
import { STAGES, sumOf } from "../data/rates.ts";
import { counted, type Message, t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import "./confirm.ts";
import "./system_collections.ts";
import "./system_letters.ts";
import "./system_projection.ts";
import "./system_sources.ts";
import { problem, section } from "./system_parts.ts";

const STAGE_NAMES: Record<(typeof STAGES)[number], Message> = {
  discovery: "stage_discovery",
  embedding: "stage_embedding",
  projection: "stage_projection",
  writing: "stage_writing",
};

/** What waits for longer, while nothing of it goes on, is worth telling. */
const STANDING_S = 10;

interface Told {
  readonly state?: string;
  readonly halted?: string | null;
  readonly blocked?: string | null;
  readonly collections?: Readonly<Record<string, { readonly blocked?: string | null }>>;
  readonly waits?: readonly { readonly what: string; readonly reason: string }[];
}

export class PageSystem extends PageElement {
  override connectedCallback(): void {
    super.connectedCallback();
    this.controller.system.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.controller.system.close();
  }

  protected override render() {
    const { trouble, outcome } = this.state.system;
    return html`<div class="system" id="system">
      <div class="system-told" role="status" aria-live="polite">
        ${outcome ? html`<p class="outcome" data-good=${outcome.isGood}>${outcome.text}</p>` : nothing}
        ${trouble ? problem(t("system_trouble"), trouble) : nothing}
      </div>
      ${
        this.controller.system.mayOperate
          ? nothing
          : html`<p class="hint system-role">${t("only_read")}</p>`
      }
      ${this.#stages()}
      <page-system-sources></page-system-sources>
      <page-system-letters></page-system-letters>
      <page-system-projection></page-system-projection>
      <page-system-collections></page-system-collections>
      <page-confirm></page-confirm>
    </div>`;
  }

  #stages() {
    const { health } = this.state.system;
    const rows = STAGES.map((stage) => this.#stage(stage));
    return section(
      "stages",
      t("stages"),
      health?.bus === "away"
        ? problem(t("bus_away"), t("bus_away_what"))
        : html`<div class="table-place" tabindex="0" role="group" aria-label=${t("stages")}>
          <table>
            <thead>
              <tr>
                <th scope="col">${t("stage")}</th>
                <th scope="col">${t("stage_state")}</th>
                <th scope="col" class="numeric">${t("stage_rate")}</th>
                <th scope="col" class="numeric">${t("stage_waiting")}</th>
                <th scope="col" class="numeric">${t("stage_lag")}</th>
                <th scope="col" class="numeric">${t("stage_dead")}</th>
                <th scope="col" class="wide-cell">${t("stage_error")}</th>
              </tr>
            </thead>
            <tbody>${rows}</tbody>
          </table>
        </div>
        <p class="hint">${t("stages_what")}</p>`,
    );
  }

  #stage(stage: (typeof STAGES)[number]) {
    const { health, rates, waiting: all } = this.state.system;
    const waiting = all[stage];
    const { collection } = this.state;
    const instances = (health?.services[stage] ?? []) as readonly Told[];
    const states = [...new Set(instances.map((one) => one.state ?? "").filter(Boolean))];
    const isRunning = states.includes("running");
    const rate = rates[stage];
    const dead = health && collection ? sumOf(health, stage, collection, "dead") : 0;
    return html`<tr data-stage=${stage}>
      <th scope="row">${t(STAGE_NAMES[stage])}</th>
      <td>
        <span class="state" data-good=${isRunning}>
          <i class="dot"></i>${states.map(stateName).join(", ") || t("state_absent")}
        </span>
        ${instances.length > 1 ? html`<span class="hint">× ${counted(instances.length)}</span>` : nothing}
      </td>
      <td class="numeric">${rate ? t("per_second", { rate: rate.records }) : nothing}</td>
      <td class="numeric" data-waiting=${waiting?.count ?? ""}>
        ${waiting ? counted(waiting.count) : "–"}
        ${
          waiting && waiting.seconds >= STANDING_S
            ? html`<span class="hint">${t("stage_stands", { seconds: Math.round(waiting.seconds) })}</span>`
            : nothing
        }
      </td>
      <td class="numeric">
        ${rate?.age != null ? t("seconds", { seconds: rate.age }) : "–"}
      </td>
      <td class="numeric">${counted(dead)}</td>
      <td class="wide-cell">
        ${
          health && instances.length === 0
            ? t("state_absent_what")
            : (errorOf(instances, collection ?? "") ?? html`<span class="hint">${t("none")}</span>`)
        }
      </td>
    </tr>`;
  }
}

function stateName(state: string): string {
  const names: Readonly<Record<string, Message>> = {
    starting: "state_starting",
    standby: "state_standby",
    waiting: "state_waiting",
    running: "state_running",
    halted: "state_halted",
    stopping: "state_stopping",
  };
  const name = names[state];
  return name ? t(name) : state;
}

function errorOf(instances: readonly Told[], collection: string): string | null {
  for (const one of instances) {
    const wait = one.waits?.[0];
    const blocked = one.halted ?? one.blocked ?? one.collections?.[collection]?.blocked;
    if (blocked) return blocked;
    if (wait) return wait.what ? `${wait.what}: ${wait.reason}` : wait.reason;
  }
  return null;
}

customElements.define("page-system", PageSystem);
