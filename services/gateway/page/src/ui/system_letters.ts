// Dead letters: what was given up, why, and the bytes around the fault; tried again, or dropped.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Letter, Settled, WholeLetter } from "../api/schema.ts";
import type { Letters } from "../api/system_client.ts";
import { counted, t, written } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { section } from "./system_parts.ts";

export class PageSystemLetters extends PageElement {
  protected override render() {
    const { letters } = this.state.system;
    if (!letters) return nothing;
    const { items } = letters;
    const total = letters.total ?? items.length;
    const actions = html`${
      total > 0 && this.controller.system.mayOperate
        ? html`<button class="text" type="button" data-action="replay-all" @click=${() => this.#replay({ all: true }, total)}>
            ${t("replay_all")}
          </button>
          <button class="text grave" type="button" data-action="drop-all" @click=${() => this.#drop({ all: true }, total)}>
            ${t("drop_all")}
          </button>`
        : nothing
    }`;
    return section(
      "letters",
      t("letters_count", { count: total }),
      total === 0
        ? html`<p class="hint">${t("letters_none")}</p>`
        : html`<p class="hint">${t("letters_what")}</p>
          <ul class="lines">${repeat(
            items,
            ({ sequence }) => sequence,
            (letter) => this.#letter(letter),
          )}</ul>
          ${total > items.length ? html`<p class="hint">${t("letters_first", { count: items.length })}</p>` : nothing}`,
      actions,
    );
  }

  #letter(letter: Letter) {
    const { letter: shown } = this.state.system;
    const isOpen = shown?.sequence === letter.sequence;
    const one = { sequences: [letter.sequence] };
    return html`<li class="line" data-letter=${letter.sequence}>
      <p class="line-head">
        <strong>${letter.filename ?? letter.record_id ?? letter.subject ?? t("letter", { number: letter.sequence })}</strong>
        <span class="chip warn">${letter.stage}</span>
        ${letter.line ? html`<span class="hint">${t("letter_line", { line: letter.line })}</span>` : nothing}
        <time class="hint">${written(letter.stored_at, true)}</time>
        <span class="hint">${t("letter_records", { count: letter.records })}</span>
      </p>
      <p class="line-text">${letter.reason}</p>
      <p class="line-actions">
        <button
          class="text"
          type="button"
          data-action="show"
          aria-expanded=${isOpen}
          @click=${() => void this.controller.system.show(isOpen ? null : letter.sequence)}
        >
          ${t(isOpen ? "hide_letter" : "show_letter")}
        </button>
        ${
          this.controller.system.mayOperate
            ? html`<button class="text" type="button" data-action="replay" @click=${() => this.#replay(one, 1)}>
                ${t("replay")}
              </button>
              <button class="text grave" type="button" data-action="drop" @click=${() => this.#drop(one, 1)}>
                ${t("drop")}
              </button>`
            : nothing
        }
      </p>
      ${isOpen && shown ? this.#whole(shown) : nothing}
    </li>`;
  }

  #whole(letter: WholeLetter) {
    const rows = letter.rows ? JSON.stringify(letter.rows, null, 2) : null;
    const body = letter.text ?? rows ?? letter.base64 ?? "";
    const place = letter.byte_offset === null ? "" : counted(letter.byte_offset);
    return html`<div class="letter-body">
      ${
        place
          ? html`<p class="hint">${t("letter_bytes", { count: letter.bytes, place })}</p>`
          : nothing
      }
      <pre tabindex="0" role="group" aria-label=${t("show_letter")}>${body}</pre>
    </div>`;
  }

  #replay(letters: Letters, count: number): void {
    this.controller.system.ask({
      title: t("replay_ask", { count }),
      text: t("replay_what"),
      action: t("replay"),
      isGrave: false,
      act: () => void this.controller.system.replay(letters, (told) => outcomeOf(told, "replayed")),
    });
  }

  #drop(letters: Letters, count: number): void {
    this.controller.system.ask({
      title: t("drop_ask", { count }),
      text: t("drop_what"),
      action: t("drop"),
      isGrave: true,
      act: () => void this.controller.system.drop(letters, (told) => outcomeOf(told, "dropped")),
    });
  }
}

/** Say how many it was done to, and why it was not done to others. */
function outcomeOf(
  { letters, refused, refusals }: Settled,
  done: "replayed" | "dropped",
): { isGood: boolean; text: string } {
  const parts = letters > 0 || refused === 0 ? [t(done, { count: letters })] : [];
  if (refused > 0) {
    parts.push(t("letters_stay", { count: refused, reason: refusals[0]?.reason ?? "" }));
  }
  return { isGood: refused === 0, text: parts.join(" ") };
}

customElements.define("page-system-letters", PageSystemLetters);
