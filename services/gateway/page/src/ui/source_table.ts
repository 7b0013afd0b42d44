// The table of sources: where each comes from, how far it is, and the account of its records.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { SourceRow } from "../api/schema.ts";
import { apart } from "../data/names.ts";
import { counted, type Message, sized, t, written } from "../i18n/index.ts";
import { addressOfSource } from "../state/route.ts";
import { VIEWS, type View } from "../state/sources_state.ts";
import { PageElement } from "./element.ts";
import "./source_columns.ts";
import { jobOf, stateOf } from "./source_state.ts";
import { section } from "./system_parts.ts";

const VIEW_NAMES: Record<View, Message> = {
  all: "view_all",
  mapped: "source_completed",
  moving: "source_moving",
  waiting: "source_incomplete",
  failed: "source_failed",
  deleted: "source_forgotten",
};
const KINDS: Readonly<Record<string, Message>> = {
  folder: "kind_folder",
  upload: "kind_upload",
  url: "kind_url",
};
const ASK_AFTER_MS = 250;
const MOST_NAME = 44;

export class PageSourceTable extends PageElement {
  #typing: ReturnType<typeof setTimeout> | undefined;
  #isFresh = false;
  #names: ReadonlyMap<string, string> = new Map();

  protected override render() {
    const { rows, isKnown, text, kind, view } = this.state.sources;
    const isAll = !text.trim() && !kind && view === "all";
    const body = rows.length > 0 ? html`${this.#bar()} ${this.#table()}` : this.#none(isAll);
    return section(
      "listed",
      t("sources"),
      html`${isKnown && rows.length === 0 && isAll ? nothing : this.#filters()}
        ${isKnown ? body : html`<p class="hint" role="status">${t("searching")}</p>`}`,
    );
  }

  #filters() {
    const { text, view, kind } = this.state.sources;
    const desk = this.controller.sources;
    const typed = (event: Event) => {
      const { value } = event.target as HTMLInputElement;
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => desk.filter({ text: value }), ASK_AFTER_MS);
    };
    const of = (event: Event) => (event.target as HTMLSelectElement).value;
    return html`<div class="filters" role="search" aria-label=${t("filter")}>
      <label class="field">
        <span class="unseen">${t("filter_name")}</span>
        <input
          type="search"
          name="q"
          maxlength="200"
          placeholder=${t("filter_name")}
          .value=${text}
          @input=${typed}
        />
      </label>
      <label class="select boxed">
        <span class="unseen">${t("filter_state")}</span>
        <select name="view" @change=${(event: Event) => desk.filter({ view: of(event) as View })}>
          ${(Object.keys(VIEWS) as View[]).map(
            (one) =>
              html`<option value=${one} ?selected=${one === view}>${t(VIEW_NAMES[one])}</option>`,
          )}
        </select>
      </label>
      <label class="select boxed">
        <span class="unseen">${t("filter_kind")}</span>
        <select name="kind" @change=${(event: Event) => desk.filter({ kind: of(event) })}>
          <option value="" ?selected=${kind === ""}>${t("kind_all")}</option>
          ${Object.entries(KINDS).map(
            ([one, name]) =>
              html`<option value=${one} ?selected=${one === kind}>${t(name)}</option>`,
          )}
        </select>
      </label>
    </div>`;
  }

  #none(isAll: boolean) {
    if (!isAll) return html`<p class="hint">${t("sources_no_fit")}</p>`;
    const how = this.controller.sources.mayOperate ? t("sources_none_how") : "";
    return html`<div class="guide">
      <p><strong>${t("sources_none")}</strong></p>
      <p>${how} ${t("sources_none_folder")}</p>
    </div>`;
  }

  /** What can be done with those that are chosen. */
  #bar() {
    if (!this.controller.sources.mayOperate) return nothing;
    const { chosen, rows, isBusy } = this.state.sources;
    const these = rows.filter((one) => chosen.has(one.source_id));
    const isNone = these.length === 0;
    return html`<div class="line-actions bar" ?data-some=${!isNone} role="group" aria-label=${t("chosen_actions")}>
      <span class="hint" role="status">${t("chosen", { count: these.length })}</span>
      <button
        class="plain"
        type="button"
        data-action="reembed"
        ?disabled=${isNone || isBusy}
        @click=${() => this.#reembed(these)}
      >
        ${t("reembed")}
      </button>
      <button
        class="plain grave"
        type="button"
        data-action="delete-chosen"
        ?disabled=${isNone || isBusy}
        @click=${() => this.#delete(these)}
      >
        ${t("source_delete")}
      </button>
      <label class="check" ?hidden=${isNone}>
        <input
          type="checkbox"
          .checked=${this.#isFresh}
          @change=${(event: Event) => {
            this.#isFresh = (event.target as HTMLInputElement).checked;
          }}
        />
        ${t("reembed_fresh")}
      </label>
    </div>`;
  }

  #table() {
    const { rows, chosen, hasMore } = this.state.sources;
    this.#names = apart(
      rows.map((one) => one.filename),
      MOST_NAME,
    );
    const { mayOperate } = this.controller.sources;
    const all = (event: Event) =>
      this.controller.sources.choose(
        rows.map((one) => one.source_id),
        (event.target as HTMLInputElement).checked,
      );
    const isAll = rows.every((one) => chosen.has(one.source_id));
    return html`<div class="table-place" role="region" aria-label=${t("sources")} tabindex="0">
        <table class="sources stacked">
          <thead>
            <tr>
              ${
                mayOperate
                  ? html`<th scope="col">
                      <input type="checkbox" aria-label=${t("choose_all")} .checked=${isAll} @change=${all} />
                    </th>`
                  : nothing
              }
              <th scope="col">${t("source_name")}</th>
              <th scope="col">${t("source_state")}</th>
              <th scope="col" class="numeric account-head">${t("source_account")}</th>
              <th scope="col">${t("source_added")}</th>
            </tr>
          </thead>
          <tbody>
            ${repeat(
              rows,
              (one) => one.source_id,
              (one) => this.#row(one),
            )}
          </tbody>
        </table>
      </div>
      ${
        hasMore
          ? html`<button
              class="text"
              type="button"
              data-action="more-sources"
              @click=${() => void this.controller.sources.more()}
            >
              ${t("sources_more")}
            </button>`
          : nothing
      }`;
  }

  #row(one: SourceRow) {
    const { chosen } = this.state.sources;
    const choose = (event: Event) =>
      this.controller.sources.choose([one.source_id], (event.target as HTMLInputElement).checked);
    const { upload } = one;
    return html`<tr data-source=${one.filename} data-status=${one.status}>
      ${
        this.controller.sources.mayOperate
          ? html`<td>
              <input
                type="checkbox"
                aria-label=${t("choose_named", { name: one.filename })}
                .checked=${chosen.has(one.source_id)}
                @change=${choose}
              />
            </td>`
          : nothing
      }
      <th scope="row" title=${one.filename}>
        <a
          class="name"
          href=${addressOfSource(this.state.collection ?? "", one.filename)}
          title=${t("source_points", { name: one.filename })}
          >${this.#names.get(one.filename)}</a
        >
        <span class="chip plain">${t(KINDS[one.kind] ?? "unknown")}</span>
        <span class="hint version">${one.source_version > 0 ? t("source_content", { version: one.source_version, size: sized(one.size_bytes) }) : sized(one.size_bytes)}</span>
        ${upload ? this.#columns(upload) : nothing}
        ${one.mapped > 0 ? html`<page-source-columns .row=${one}></page-source-columns>` : nothing}
      </th>
      <td>${stateOf(one, this.state)}</td>
      <td class="numeric account-cell">
        <span aria-hidden="true">${counted(one.seen)} = ${counted(one.mapped)} + <b data-bad=${one.dead > 0}>${counted(one.dead)}</b> + ${counted(one.in_flight)}</span>
        <span class="unseen">
          ${t("account_of", { seen: one.seen, mapped: one.mapped, dead: one.dead, flying: one.in_flight })}
        </span>
      </td>
      <td class="added">
        ${upload ? html`${upload.uploaded_by}, ` : nothing}<time>${written(upload?.uploaded_at ?? one.discovered_at, true)}</time>
      </td>
    </tr>`;
  }

  /** Which columns were chosen, where they were. */
  #columns({ text_columns: text, context_columns: context }: NonNullable<SourceRow["upload"]>) {
    if (text.length === 0) return nothing;
    return html`<span class="hint columns">
      ${t("columns_text", { names: text.join(", ") })}
      ${context && context.length > 0 ? t("columns_context", { names: context.join(", ") }) : nothing}
    </span>`;
  }

  #reembed(these: readonly SourceRow[]): void {
    const is_fresh = this.#isFresh;
    const sources = these.map((one) => one.source_id);
    this.controller.system.ask({
      title: t("reembed_ask", { count: these.length }),
      text: `${t("reembed_what")} ${is_fresh ? t("reembed_fresh_what") : ""}`.trim(),
      action: t("reembed"),
      isGrave: false,
      act: () =>
        void this.controller.sources.submit({ kind: "re-embed", sources, is_fresh }, toldOf),
    });
  }

  #delete(these: readonly SourceRow[]): void {
    const uploads = these.filter((one) => one.kind !== "folder").length;
    const folders = these.length - uploads;
    const cancels = these.some((one) => jobOf(one, this.state.sources.jobs));
    const mapped = these.reduce((sum, one) => sum + one.mapped, 0);
    const what = [
      t("delete_records", { count: mapped }),
      uploads > 0 ? t("delete_bytes", { count: uploads }) : "",
      folders > 0 ? t("delete_files", { count: folders }) : "",
      cancels ? t("delete_cancels") : "",
    ];
    const sources = these.map((one) => one.source_id);
    const first = these[0]?.filename ?? "";
    this.controller.system.ask({
      title: t("delete_ask", { count: these.length, name: first }),
      text: what.filter(Boolean).join(" "),
      action: t("source_delete"),
      isGrave: true,
      act: () => void this.controller.sources.submit({ kind: "delete", sources, cancels }, toldOf),
    });
  }
}

function toldOf(jobs: number, reasons: readonly string[]): string {
  return [t("jobs_begun", { count: jobs }), ...reasons].join(" ");
}

customElements.define("page-source-table", PageSourceTable);
