// Asks before something is changed; Escape and the first button leave it as it is.

import { html, nothing } from "lit";
import { t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";

export class PageConfirm extends PageElement {
  protected override render() {
    const { question } = this.state.system;
    if (!question) return nothing;
    const answer = (isMeant: boolean) => () => {
      this.querySelector("dialog")?.close(); // merely taken away, it would take the focus with it
      this.controller.system.answer(isMeant);
    };
    return html`<dialog
      class="confirm"
      aria-labelledby="confirm-title"
      aria-describedby="confirm-text"
      @cancel=${answer(false)}
    >
      <h2 id="confirm-title">${question.title}</h2>
      <p id="confirm-text">${question.text}</p>
      <div class="confirm-choices">
        <button class="plain" type="button" data-answer="no" @click=${answer(false)}>
          ${t("leave_it")}
        </button>
        <button
          class=${question.isGrave ? "main grave" : "main"}
          type="button"
          data-answer="yes"
          @click=${answer(true)}
        >
          ${question.action}
        </button>
      </div>
    </dialog>`;
  }

  protected override updated(): void {
    const dialog = this.querySelector("dialog");
    if (dialog && !dialog.open) dialog.showModal();
  }
}

customElements.define("page-confirm", PageConfirm);
