// The records of two collections beside each other: which are alike, and what people say of that.

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { counted, type Message, t } from "../i18n/index.ts";
import { fits, MATCH_STATES, type MatchState } from "../state/match_view.ts";
import { NOWHERE, writeRoute } from "../state/route.ts";
import { PageElement } from "./element.ts";
import "./match_pairs.ts";
import { problem, section } from "./system_parts.ts";

const STATE_NAMES: Record<MatchState | "all", Message> = {
  review: "matches_review",
  linked: "matches_linked",
  unmatched: "matches_unmatched",
  accepted: "matches_accepted",
  rejected: "matches_rejected",
  all: "matches_all",
};

export class PageMatches extends PageElement {
  /** Whether limits were typed that contradict each other. */
  #areWrong = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.controller.matches.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.controller.matches.close();
  }

  protected override render() {
    const { matches } = this.controller;
    const { other, step } = this.state.matches;
    if (matches.others.length === 0 && !other) {
      return html`<div class="system" id="matches">${this.#alone()}</div>`;
    }
    const isShown = other !== null && step !== "failed";
    return html`<div class="system" id="matches">
      ${matches.mayOperate ? nothing : html`<p class="hint system-role">${t("only_read")}</p>`}
      ${section("matches", t("matches"), this.#subject(), this.#again())}
      ${isShown ? html`<page-match-pairs></page-match-pairs>` : nothing}
    </div>`;
  }

  /** With one collection there is nothing to be matched. */
  #alone() {
    const { collection } = this.state;
    return section(
      "matches",
      t("matches"),
      html`<div class="guide" data-guide="alone">
        <p><strong>${t("matches_alone")}</strong></p>
        <p>${t("matches_what")}</p>
        <p>${t(this.controller.matches.mayOperate ? "matches_alone_how" : "matches_alone_read")}</p>
        <p><a class="text" href="#/system/${collection}">${t("matches_to_system")}</a></p>
      </div>`,
    );
  }

  #again() {
    if (!this.state.matches.other) return html``;
    return html`<button
      class="text"
      type="button"
      data-action="look-again"
      @click=${() => this.controller.matches.look()}
    >
      ${t("matches_look_again")}
    </button>`;
  }

  #subject() {
    const { collection } = this.state;
    const { other, step } = this.state.matches;
    return html`<p class="hint">${t("matches_what")}</p>
      <div class="match-subject">${this.#choice()} ${other ? this.#limits() : nothing}</div>
      ${
        other
          ? html`${this.#told()} ${step === "failed" ? this.#failed(other) : this.#states()}`
          : html`<div class="guide" data-guide="choose"><p>${t("matches_choose_how", { name: collection })}</p></div>`
      }`;
  }

  #choice() {
    const { collection, collections } = this.state;
    const { other } = this.state.matches;
    const records = new Map(collections.map((one) => [one.name, one.records]));
    const { others } = this.controller.matches;
    const choose = (event: Event) =>
      this.controller.matches.arrange({ other: (event.target as HTMLSelectElement).value });
    return html`<label class="match-field">
      <span>${t("matches_with", { name: collection })}</span>
      <span class="select boxed"
        ><select name="other" @change=${choose}>
          ${
            other !== null && others.includes(other)
              ? nothing
              : html`<option value="" disabled .selected=${live(true)}>${other ?? t("matches_choose")}</option>`
          }
          ${others.map(
            (name) =>
              html`<option value=${name} .selected=${live(name === other)}>
                ${t("matches_option", { name, count: records.get(name) ?? 0 })}
              </option>`,
          )}
        </select></span
      >
    </label>`;
  }

  #limits() {
    const { link, review } = this.state.matches;
    const field = (name: "link" | "review", label: Message, value: number) =>
      html`<label class="match-field">
        <span>${t(label)}</span>
        <input
          name=${name}
          type="number"
          min="0"
          max="1"
          step="0.01"
          required
          inputmode="decimal"
          aria-describedby="match-limits"
          aria-invalid=${this.#areWrong}
          .value=${String(value)}
          @change=${this.#limit}
        />
      </label>`;
    return html`${field("link", "matches_link", link)} ${field("review", "matches_review_from", review)}
      <p class=${this.#areWrong ? "error" : "hint"} id="match-limits" role=${this.#areWrong ? "alert" : nothing}>
        ${t(this.#areWrong ? "matches_limits_wrong" : "matches_limits")}
      </p>`;
  }

  #limit = () => {
    const read = (name: string) =>
      this.querySelector<HTMLInputElement>(`input[name="${name}"]`)?.valueAsNumber ?? Number.NaN;
    const [link, review] = [read("link"), read("review")];
    this.#areWrong = !fits(link, review);
    this.requestUpdate();
    if (!this.#areWrong) this.controller.matches.arrange({ link, review });
  };

  /** What is under way, or does not work. */
  #told() {
    const { step, detail, unused } = this.state.matches;
    return html`<div role="status" aria-live="polite">
      ${step === "asking" ? html`<p class="hint" data-step="asking">${t("matches_asking")}</p>` : nothing}
      ${step === "waiting" ? problem(t("matches_waiting"), detail) : nothing}
      ${step === "found" && unused > 0 ? html`<p class="hint">${t("matches_unused", { count: unused })}</p>` : nothing}
    </div>`;
  }

  #failed(other: string) {
    const { collection } = this.state;
    const { detail } = this.state.matches;
    const sources = (name: string) =>
      html`<a class="text" href=${writeRoute({ ...NOWHERE, area: "sources", collection: name })}
        >${t("matches_sources_of", { name })}</a
      >`;
    return html`<div class="guide" role="alert" data-guide="failed">
      ${problem(t("matches_failed"), detail)}
      <p>${t("matches_failed_how")}</p>
      <p class="line-actions">
        <button class="plain" type="button" data-action="retry" @click=${() => this.controller.matches.look()}>
          ${t("retry")}
        </button>
        ${sources(collection ?? "")} ${other === collection ? nothing : sources(other)}
      </p>
    </div>`;
  }

  /** How many pairs are in which state; each shows its own. */
  #states() {
    const { counts, records, state } = this.state.matches;
    const states = [...MATCH_STATES, null];
    return html`<div class="match-states" role="group" aria-label=${t("matches_states")}>
      ${states.map((one) => {
        const count = one === null ? records : counts?.[one];
        return html`<button
          type="button"
          data-show=${one ?? "all"}
          data-count=${counts ? count : ""}
          aria-pressed=${one === state}
          @click=${() => this.controller.matches.arrange({ state: one })}
        >
          <b>${counts ? counted(count ?? 0) : "–"}</b> <span>${t(STATE_NAMES[one ?? "all"])}</span>
        </button>`;
      })}
    </div>`;
  }
}

customElements.define("page-matches", PageMatches);
