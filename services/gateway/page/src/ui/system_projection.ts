// The projection: what a refit would bring before it is made, and the way back.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { ModelSummary, Recomputed } from "../api/schema.ts";
import { counted, type Message, t, written } from "../i18n/index.ts";
import { changesNothing } from "../state/system.ts";
import { PageElement } from "./element.ts";
import { figure, section } from "./system_parts.ts";

export class PageSystemProjection extends PageElement {
  protected override render() {
    const { models, preview, isBusy } = this.state.system;
    if (!models) return nothing;
    const actions = html`${
      this.controller.system.mayOperate && !preview
        ? html`<button
            class="plain"
            type="button"
            data-action="preview"
            ?disabled=${isBusy}
            @click=${() => void this.controller.system.preview()}
          >
            ${t("refit_preview")}
          </button>`
        : nothing
    }`;
    return section(
      "projection",
      t("projection"),
      html`${preview ? this.#preview(preview) : nothing} ${this.#history(models.items)}`,
      actions,
    );
  }

  #preview(preview: Recomputed) {
    const { movement, record_count: count, would_be_held: isHeld, decision } = preview;
    const limit = decision?.movement_budget ?? 0;
    return html`<div class="preview" data-preview role="status">
      ${movement && changesNothing(movement) ? html`<p data-nothing><strong>${t("refit_nothing")}</strong></p>` : nothing}
      <p>${t("refit_would", { count })}</p>
      ${
        movement
          ? html`<dl class="figures">
            ${figure(t("refit_moved"), t("share", { share: movement.rms_share }))}
            ${figure(t("refit_before"), t("share", { share: movement.explained_before }))}
            ${figure(t("refit_after"), t("share", { share: movement.explained_after }))}
          </dl>
          <p class="hint">${t("refit_explained")} ${this.#then(count)}</p>`
          : nothing
      }
      ${isHeld ? html`<p class="line-text">${t("refit_held", { limit })}</p>` : nothing}
      <p class="line-actions">
        <button
          class="main"
          type="button"
          data-action="refit"
          ?disabled=${this.state.system.isBusy}
          @click=${() => this.#refit(isHeld === true)}
        >
          ${t("refit")}
        </button>
        <button class="text" type="button" @click=${() => this.controller.system.forgetPreview()}>
          ${t("leave_it")}
        </button>
      </p>
    </div>`;
  }

  /** The present model explained another share of fewer records: both are told, each of what. */
  #then(count: number) {
    const current = this.state.system.models?.items.find((one) => one.is_current);
    if (!current || current.record_count === count) return nothing;
    const share = explainedBy(current);
    return t("refit_fitted", { version: current.version, records: current.record_count, share });
  }

  #history(items: readonly ModelSummary[]) {
    if (items.length === 0) return html`<p class="hint">${t("models_none")}</p>`;
    return html`<div class="table-place" tabindex="0" role="group" aria-label=${t("models")}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("model")}</th>
            <th scope="col">${t("model_made")}</th>
            <th scope="col" class="numeric">${t("model_records")}</th>
            <th scope="col" class="numeric">${t("model_moved")}</th>
            <th scope="col" class="numeric">${t("model_explains")}</th>
            <th scope="col" class="wide-cell">${t("model_why")}</th>
            <th scope="col"><span class="unseen">${t("rollback")}</span></th>
          </tr>
        </thead>
        <tbody>${repeat(
          items,
          ({ version }) => version,
          (model) => this.#model(model),
        )}</tbody>
      </table>
    </div>
    <p class="hint">${t("models_what")}</p>`;
  }

  #model(model: ModelSummary) {
    const moved = model.movement?.rms_share;
    return html`<tr data-model=${model.version} aria-current=${model.is_current}>
      <th scope="row">${counted(model.version)}</th>
      <td><time>${written(model.created_at, true)}</time></td>
      <td class="numeric">${counted(model.record_count)}</td>
      <td class="numeric" data-moved>${moved === undefined ? "–" : t("share", { share: moved })}</td>
      <td class="numeric" data-explained>${explained(model)}</td>
      <td class="wide-cell">${reasonOf(model.reason)}</td>
      <td class="numeric">
        ${
          model.is_current
            ? html`<span class="chip">${t("model_current")}</span>`
            : this.controller.system.mayOperate
              ? html`<button
                class="text"
                type="button"
                data-action="rollback"
                aria-label=${t("rollback_to", { version: model.version })}
                @click=${() => this.#rollback(model.version)}
              >
                ${t("rollback")}
              </button>`
              : nothing
        }
      </td>
    </tr>`;
  }

  #refit(force: boolean): void {
    this.controller.system.ask({
      title: t("refit_ask"),
      text: t("refit_what"),
      action: t("refit"),
      isGrave: false,
      act: () => void this.controller.system.refit(force, t("refitted")),
    });
  }

  #rollback(version: number): void {
    this.controller.system.ask({
      title: t("rollback_ask", { version }),
      text: t("rollback_what"),
      action: t("rollback"),
      isGrave: false,
      act: () => void this.controller.system.rollback(version, t("rolled_back", { version })),
    });
  }
}

/** Say what the model before and this one explain of the same records; of the first, what it does. */
function explained(model: ModelSummary): string {
  const { movement, parent } = model;
  const after = t("share", { share: movement?.explained_after ?? explainedBy(model) });
  if (parent === null) return after;
  const before = movement ? t("share", { share: movement.explained_before }) : "–";
  return t("model_explained", { before, after });
}

/** Return the share of the variance of those records that a model was fitted to. */
function explainedBy(model: ModelSummary): number {
  return model.explained_variance_ratio.reduce((sum, one) => sum + one, 0);
}

/** Say why a model was made: what made it by itself has a name, a command its own words. */
function reasonOf(reason: string): string {
  const names: Readonly<Record<string, Message>> = {
    first: "trigger_first",
    threshold: "trigger_threshold",
    drift: "trigger_drift",
    command: "trigger_command",
    forget: "trigger_forget",
  };
  const name = names[reason];
  return name ? t(name) : reason;
}

customElements.define("page-system-projection", PageSystemProjection);
