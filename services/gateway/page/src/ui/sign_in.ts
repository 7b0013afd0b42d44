// Asks for a token; the browser keeps it in a cookie that no script can read.

import { html, nothing } from "lit";
import { t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";

export class PageSignIn extends PageElement {
  protected override render() {
    const { stage } = this.state;
    const error = stage.kind === "signing-in" ? stage.error : "none";
    const told = { none: nothing, unknown: t("sign_in_unknown"), foreign: t("sign_in_foreign") };
    return html`<form class="sign-in" @submit=${this.#submit}>
      <label for="token">${t("token")}</label>
      <input
        id="token"
        name="token"
        type="password"
        required
        autocomplete="current-password"
        spellcheck="false"
        aria-describedby="token-kept token-error"
        aria-invalid=${error !== "none"}
      />
      <p id="token-error" class="error" role="alert">${told[error]}</p>
      <button class="main" type="submit">${t("sign_in")}</button>
      <p id="token-kept" class="hint">${t("sign_in_kept")}</p>
    </form>`;
  }

  #submit = (event: SubmitEvent) => {
    event.preventDefault();
    const field = this.querySelector<HTMLInputElement>("#token");
    if (field?.value) void this.controller.signIn(field.value);
  };
}

customElements.define("page-sign-in", PageSignIn);
