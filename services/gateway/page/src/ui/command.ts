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
    await navigator.clipboard.writeText(this.text);
    this.#copied = true;
    this.requestUpdate();
    setTimeout(() => {
      this.#copied = false;
      this.requestUpdate();
    }, COPIED_MS);
  }
}

customElements.define("page-command", PageCommand);

/** Show one. */
export function command(text: string) {
  return html`<page-command .text=${text}></page-command>`;
}
