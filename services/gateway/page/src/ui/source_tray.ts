// Where files are put: what may be handed in, how each would be read, and how far each is.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { ColumnView, Preview } from "../api/schema.ts";
import { counted, sized, t } from "../i18n/index.ts";
import { columnsOf, hasText, type TrayItem } from "../state/tray.ts";
import { useOf } from "../state/uses.ts";
import { useChoice } from "./column_uses.ts";
import { PageElement } from "./element.ts";
import "./source_fetch.ts";
import { section } from "./system_parts.ts";

export class PageSourceTray extends PageElement {
  protected override render() {
    const { tray } = this.state.sources;
    const ready = tray.filter((one) => one.step.kind === "ready" && hasText(one)).length;
    const actions = html`${
      tray.some((one) => one.step.kind === "done")
        ? html`<button class="text" type="button" data-action="clear" @click=${() => this.controller.tray.clear()}>
            ${t("tray_clear")}
          </button>`
        : nothing
    }
    ${
      ready > 0
        ? html`<button class="main" type="button" data-action="import-all" @click=${() => this.controller.tray.send()}>
            ${t("tray_import", { count: ready })}
          </button>`
        : nothing
    }`;
    return section(
      "tray",
      t("tray"),
      html`<div class="adding">${this.#place()}<page-source-fetch></page-source-fetch></div>
        ${
          tray.length > 0
            ? html`<ul class="lines">${repeat(
                tray,
                (one) => one.key,
                (one) => this.#item(one),
              )}</ul>`
            : nothing
        }`,
      actions,
    );
  }

  #place() {
    const { limits, uploadedBytes } = this.state.sources;
    const told = limits
      ? t("tray_limits", {
          size: sized(limits.max_file_bytes),
          used: sized(uploadedBytes),
          quota: sized(limits.quota_bytes),
        })
      : "";
    return html`<div class="drop-place">
      <p class="drop-what">
        ${t("tray_drop")}
        <label class="plain file">
          <input type="file" multiple class="unseen" aria-describedby="tray-limits" @change=${this.#picked} />
          ${t("tray_choose")}
        </label>
      </p>
      <p class="hint" id="tray-limits">
        ${told} ${limits ? t("tray_formats", { formats: limits.formats.join(", ") }) : nothing}
      </p>
    </div>`;
  }

  #item(item: TrayItem) {
    const { file, step, preview } = item;
    return html`<li class="line" data-file=${file.name} data-step=${step.kind}>
      <p class="line-head">
        <strong>${file.name}</strong><span class="hint">${sized(file.size)}</span>
        ${preview ? html`<span class="chip" title=${preview.why}>${preview.format}</span>` : nothing}
        ${this.#told(item)}
      </p>
      ${step.kind === "sending" ? this.#progress(item, step.sent) : nothing}
      ${step.kind === "ready" && preview ? this.#preview(item, preview) : nothing}
      ${this.#actions(item)}
    </li>`;
  }

  #told({ file, step }: TrayItem) {
    const { limits } = this.state.sources;
    switch (step.kind) {
      case "looking":
        return html`<span class="hint" role="status">${t("tray_looking")}</span>`;
      case "waiting":
        return html`<span class="hint">${t("tray_waiting")}</span>`;
      case "done":
        return html`<span class="chip good" role="status">
          ${
            step.taken.state === "pending"
              ? t("tray_pending")
              : t("tray_done", { name: step.taken.filename ?? file.name })
          }
        </span>`;
      case "unfit":
        return html`<span class="chip bad" role="alert">
          ${
            step.why === "empty"
              ? t("tray_empty")
              : t("tray_large", { size: sized(limits?.max_file_bytes ?? 0) })
          }
        </span>`;
      case "refused":
        return html`<span class="chip bad" role="alert">${t("tray_refused")}</span>
          <span class="line-text">${step.reason}</span>`;
      default:
        return nothing;
    }
  }

  #progress({ file }: TrayItem, sent: number) {
    const told = t("tray_sent", { sent: sized(sent), size: sized(file.size) });
    return html`<p class="progress-line">
      <progress max=${file.size} .value=${sent} aria-label=${t("tray_sending", { name: file.name })}></progress>
      <span class="hint">${sent < file.size ? told : t("tray_taking")}</span>
    </p>`;
  }

  #preview(item: TrayItem, preview: Preview) {
    const rows = preview.tables.reduce((sum, one) => sum + one.rows, 0);
    const bad = preview.tables.reduce((sum, one) => sum + one.bad_rows, 0);
    const facts = preview.facts.map((one) => `${one["name"]}: ${one["value"]}`).join(", ");
    return html`<p class="hint">
        ${t("look_rows", { count: rows })}${bad > 0 ? ` ${t("look_bad", { count: bad })}` : nothing}
        ${facts} ${preview.skipped.length > 0 ? t("look_skipped", { names: namesOf(preview.skipped) }) : nothing}
      </p>
      ${preview.warnings.map((one) => html`<p class="line-text warned">${wordsOf(one)}</p>`)}
      ${columnsOf(preview).length > 0 ? this.#columns(item, preview) : nothing}`;
  }

  #columns(item: TrayItem, preview: Preview) {
    const found = new Map<string, ColumnView>();
    for (const one of preview.tables.flatMap(({ columns }) => columns)) {
      if (!found.has(one.name)) found.set(one.name, one);
    }
    const name = t("look_columns", { name: item.file.name });
    return html`<div class="table-place" role="region" aria-label=${name} tabindex="0">
        <table class="looked">
          <thead>
            <tr>
              <th scope="col">${t("column")}</th>
              <th scope="col">${t("column_use")}</th>
              <th scope="col" class="wide-cell">${t("column_examples")}</th>
            </tr>
          </thead>
          <tbody>
            ${[...found.values()].map((one) => this.#column(item, one))}
          </tbody>
        </table>
      </div>
      ${hasText(item) ? nothing : html`<p class="line-text warned" role="alert">${t("column_no_text")}</p>`}`;
  }

  #column(item: TrayItem, { name, examples }: ColumnView) {
    const { tray } = this.controller;
    return html`<tr data-column=${name}>
      <th scope="row">${name}</th>
      <td>
        ${useChoice(name, useOf(item.uses, name), (use) => tray.use(item.key, name, use))}
      </td>
      <td class="wide-cell">${examples.join(" · ")}</td>
    </tr>`;
  }

  #actions(item: TrayItem) {
    const { key, file, step } = item;
    const { tray } = this.controller;
    const replace = (event: Event) =>
      tray.replaceSame(key, (event.target as HTMLInputElement).checked);
    const keep = (event: Event) =>
      tray.keepColumns(key, (event.target as HTMLInputElement).checked);
    return html`<p class="line-actions">
      ${
        step.kind === "ready"
          ? html`<button
                class="text"
                type="button"
                data-action="import"
                ?disabled=${!hasText(item)}
                @click=${() => tray.send(key)}
              >
                ${t("tray_import_this")}<span class="unseen">${file.name}</span>
              </button>
              <label class="check">
                <input type="checkbox" .checked=${item.replace} @change=${replace} />
                ${t("tray_replace")}
              </label>
              ${
                columnsOf(item.preview).length > 0
                  ? html`<label class="check" title=${t("tray_keep_about")}>
                      <input type="checkbox" data-action="keep" .checked=${item.keep} @change=${keep} />
                      ${t("tray_keep")}
                    </label>`
                  : nothing
              }`
          : nothing
      }
      ${
        step.kind === "refused"
          ? html`<button class="text" type="button" data-action="again" @click=${() => tray.again(key)}>
              ${t("retry")}<span class="unseen">${file.name}</span>
            </button>`
          : nothing
      }
      <button
        class="text"
        type="button"
        data-action="drop-file"
        @click=${() => tray.drop(key)}
      >
        ${t(step.kind === "sending" ? "tray_stop" : "tray_remove")}<span class="unseen">${file.name}</span>
      </button>
    </p>`;
  }

  #picked = (event: Event) => {
    const input = event.target as HTMLInputElement;
    this.controller.tray.add([...(input.files ?? [])]);
    input.value = "";
  };
}

function namesOf(skipped: Preview["skipped"]): string {
  return skipped.map((one) => `${one["name"] ?? ""} (${one["reason"] ?? ""})`).join(", ");
}

function wordsOf(warned: Readonly<Record<string, unknown>>): string {
  const { text, count } = warned;
  return typeof count === "number" && count > 1 ? `${text} (× ${counted(count)})` : `${text}`;
}

customElements.define("page-source-tray", PageSourceTray);
