// A command to type, and a button that copies it.

import { html } from "lit";
import { t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { copy } from "./icons.ts";

const COPIED_MS = 2000;

export class PageCommand extends PageElement {
  static override properties = { text: { type: String } };
  declare text: string;
  #copied = false;

  protected override render() {
    return html`<div class="command">
      <code>${this.text}</code>
      <button class="text" type="button" @click=${() => void this.#copy()}>
        ${copy}<span>${t(this.#copied ? "copied" : "copy")}</span>
      </button>
    </div>`;
  }

  async #copy(): Promise<void> {
    const code = this.querySelector("code") as HTMLElement;
    if (!(await this.#written()) && !selected(code)) return;
    this.#copied = true;
    this.requestUpdate();
    setTimeout(() => {
      this.#copied = false;
      this.requestUpdate();
    }, COPIED_MS);
  }

  /** Without TLS, but for loopback, a browser lets no page write to its clipboard. */
  async #written(): Promise<boolean> {
    try {
      await navigator.clipboard.writeText(this.text);
      return true;
    } catch {
      return false;
    }
  }
}

/** Select what it says, and copy that as browsers let one do anywhere; it stays selected. */
function selected(code: HTMLElement): boolean {
  getSelection()?.selectAllChildren(code);
  return document.execCommand("copy");
}

customElements.define("page-command", PageCommand);

/** Show one. */
export function command(text: string) {
  return html`<page-command .text=${text}></page-command>`;
}
