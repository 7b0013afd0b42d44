// A form for URLs: what lies there is fetched once, and becomes sources of the collection.

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { shortPath } from "../data/names.ts";
import { type Message, t } from "../i18n/index.ts";
import { canFetch, type FetchResult, RULES, type Rule } from "../state/fetching.ts";
import { makesText, useOf } from "../state/uses.ts";
import { useChoice } from "./column_uses.ts";
import { PageElement } from "./element.ts";
import { JOB_STATES } from "./job_words.ts";

const RULE_NAMES: Record<Rule, Message> = {
  preferred: "fetch_preferred",
  all: "fetch_all",
  chosen: "fetch_chosen",
};

export class PageSourceFetch extends PageElement {
  protected override render() {
    const { text, rule, isBusy, mistakes } = this.state.sources.fetching;
    return html`<form class="fetch" aria-labelledby="fetch-title" aria-busy=${isBusy} @submit=${this.#send}>
      <h3 id="fetch-title">${t("fetch")}</h3>
      <label class="urls">
        <span>${t("fetch_urls")}</span>
        <textarea
          name="urls"
          rows="3"
          spellcheck="false"
          autocomplete="off"
          aria-describedby="fetch-what fetch-mistakes"
          aria-invalid=${mistakes.length > 0}
          .value=${live(text)}
          @input=${this.#typed}
        ></textarea>
      </label>
      <p class="hint" id="fetch-what">${t("fetch_what")}</p>
      ${this.#refusal()}
      <p class="line-actions">
        <label class="select boxed">
          <span class="unseen">${t("fetch_rule")}</span>
          <select name="rule" @change=${this.#ruled}>
            ${RULES.map(
              (one) =>
                html`<option value=${one} ?selected=${one === rule}>${t(RULE_NAMES[one])}</option>`,
            )}
          </select>
        </label>
      </p>
      ${rule === "chosen" ? this.#columns() : nothing}
      <p class="line-actions">
        <button class="main" type="submit" data-action="fetch" ?disabled=${!canFetch(this.state.sources.fetching)}>
          ${t("fetch_send")}
        </button>
      </p>
      ${this.#results()}
    </form>`;
  }

  #refusal() {
    const { mistakes, trouble } = this.state.sources.fetching;
    return html`<div id="fetch-mistakes" role="alert">
      ${mistakes.length > 0 ? html`<p class="line-text warned">${t("fetch_none")}</p>` : nothing}
      ${mistakes.map(({ line, what }) => html`<p class="line-text warned" data-line=${line}>${t("fetch_line", { line, what })}</p>`)}
      ${trouble ? html`<p class="line-text warned" data-trouble>${trouble}</p>` : nothing}
    </div>`;
  }

  #columns() {
    const { columns, uses } = this.state.sources.fetching;
    const { fetching } = this.controller;
    return html`${
      columns.length > 0
        ? html`<div class="table-place" role="region" aria-label=${t("fetch_columns")} tabindex="0">
            <table class="looked">
              <thead>
                <tr><th scope="col">${t("column")}</th><th scope="col">${t("column_use")}</th></tr>
              </thead>
              <tbody>
                ${columns.map(
                  (name) => html`<tr data-column=${name}>
                    <th scope="row">${name}</th>
                    <td>${useChoice(name, useOf(uses, name), (use) => fetching.use(name, use))}</td>
                  </tr>`,
                )}
              </tbody>
            </table>
          </div>`
        : html`<p class="hint">${t("fetch_no_columns")}</p>`
    }
    ${columns.length === 0 || makesText(columns, uses) ? nothing : html`<p class="line-text warned" role="alert">${t("column_no_text")}</p>`}
    <p class="line-actions">
      <label class="field">
        <span class="unseen">${t("fetch_column")}</span>
        <input name="column" maxlength="200" placeholder=${t("fetch_column")} @keydown=${this.#entered} />
      </label>
      <button class="text" type="button" data-action="name-column" @click=${this.#name}>${t("fetch_name")}</button>
    </p>`;
  }

  #results() {
    const { results } = this.state.sources.fetching;
    if (results.length === 0) return nothing;
    return html`<div role="status" aria-label=${t("fetch_results")}>
      <ul class="lines">
        ${results.map((one) => this.#result(one))}
      </ul>
    </div>`;
  }

  /** What became of one; once its job is told of, how that is. */
  #result({ url, job, reason }: FetchResult) {
    const known = this.state.sources.jobs.find(({ id }) => id === job);
    const [state, kind]: readonly [Message, string] = job
      ? JOB_STATES[known?.state ?? "queued"]
      : ["fetch_refused", "bad"];
    return html`<li class="line" data-url=${url} data-result=${job ? "queued" : "refused"}>
      <p class="line-head">
        <span title=${url}>${shortPath(url, 60)}</span><span class="chip ${kind}">${t(state)}</span>
      </p>
      ${job ? nothing : html`<p class="line-text">${reason}</p>`}
    </li>`;
  }

  #send = (event: SubmitEvent) => {
    event.preventDefault();
    void this.controller.fetching.send();
  };

  #typed = (event: Event) =>
    this.controller.fetching.type((event.target as HTMLTextAreaElement).value);

  #ruled = (event: Event) =>
    void this.controller.fetching.take((event.target as HTMLSelectElement).value as Rule);

  /** Enter names the column, and sends nothing yet. */
  #entered = (event: KeyboardEvent) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    this.#name();
  };

  #name = () => {
    const input = this.querySelector<HTMLInputElement>('[name="column"]');
    if (!input) return;
    this.controller.fetching.name(input.value.trim());
    input.value = "";
    input.focus();
  };
}

customElements.define("page-source-fetch", PageSourceFetch);
