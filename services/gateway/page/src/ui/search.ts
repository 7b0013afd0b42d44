// Looks for words in all texts: when one stops typing, or at once with Enter.

import { html } from "lit";
import { t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { glass } from "./icons.ts";

const PAUSE_MS = 450;
const LEAST = 2;
const WRITTEN_IN = "input, textarea, select, [contenteditable]";

export class PageSearch extends PageElement {
  #timer: ReturnType<typeof setTimeout> | null = null;
  #asked = "";

  protected override render() {
    return html`<form class="search" role="search" @submit=${this.#submit}>
      ${glass}
      <input
        id="search"
        type="search"
        maxlength="200"
        autocomplete="off"
        spellcheck="false"
        placeholder=${t("search")}
        aria-label=${t("search_label")}
        title=${t("search_hint")}
        @input=${this.#type}
        @keydown=${this.#key}
      />
    </form>`;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("keydown", this.#reach);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("keydown", this.#reach);
  }

  protected override updated(): void {
    const { listing } = this.state;
    const words = listing?.query.kind === "words" ? listing.query.words : "";
    if (words === this.#asked) return;
    this.#asked = words;
    const field = this.#field;
    if (document.activeElement !== field || words) field.value = words;
  }

  get #field(): HTMLInputElement {
    return this.querySelector("#search") as HTMLInputElement;
  }

  #submit = (event: SubmitEvent) => {
    event.preventDefault();
    this.#look(true);
  };

  #type = () => {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(false), this.#field.value ? PAUSE_MS : 0);
  };

  #key = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    this.#field.value = "";
    this.#look(true);
    document.getElementById("map-canvas")?.focus();
  };

  /** A slash leads here, as elsewhere, unless somebody writes one. */
  #reach = (event: KeyboardEvent) => {
    const isTyping = event.target instanceof Element && event.target.closest(WRITTEN_IN) !== null;
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.hidden) return;
    event.preventDefault();
    this.#field.focus();
  };

  #look(isMeant: boolean): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const words = this.#field.value.trim();
    const { finding } = this.controller;
    if (words === this.#asked && !isMeant) return;
    const isWord = /[^\s"]/u.test(words);
    if (isWord && (isMeant || words.length >= LEAST)) {
      this.#asked = words;
      void finding.find({ kind: "words", words });
    } else if (words === "" && finding.listing && (isMeant || this.#asked)) {
      this.#asked = "";
      finding.clear();
      this.controller.opening.close(); // whoever empties it wants the whole map
    }
  }
}

customElements.define("page-search", PageSearch);
