// The line at the top: which map, whether it lives, and what a reader may choose.

import { html, nothing } from "lit";
import { LANGUAGES, type Language, t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { leave, mark, moon, sun } from "./icons.ts";
import "./search.ts";

const PLACES = ["map", "runs", "matches", "sources", "system"] as const;
const PLACE_NAMES = {
  map: "area_map",
  runs: "runs",
  matches: "matches",
  sources: "sources",
  system: "area_system",
} as const;
const LANGUAGE_NAMES = { en: "language_en", ru: "language_ru" } as const;

export class PageHeader extends PageElement {
  protected override render() {
    const { area, collection, title, count, stage } = this.state;
    return html`<header class="header">
      <a class="skip" href="#map-canvas" @click=${this.#skip}>${t("skip")}</a>
      <div class="brand">${mark}<h1>${title ?? collection ?? t("title")}</h1></div>
      ${this.#collections()} ${this.#places()}
      <div class="facts">
        ${stage.kind === "map" ? this.#status() : nothing}
        ${
          stage.kind === "map"
            ? html`<span class="count" data-count=${count}>${t("points", { count })}</span>`
            : nothing
        }
      </div>
      <page-search ?hidden=${stage.kind !== "map" || area !== "map"}></page-search>
      <div class="choices">${this.#language()} ${this.#theme()} ${this.#session()}</div>
    </header>`;
  }

  #collections() {
    const { collections, collection } = this.state;
    if (collections.length < 2) return nothing;
    const choose = (event: Event) =>
      this.controller.navigation.choose((event.target as HTMLSelectElement).value);
    return html`<label class="select">
      <span class="unseen">${t("collection")}</span>
      <select .value=${collection ?? ""} @change=${choose}>
        ${collections.map(
          ({ name }) =>
            html`<option value=${name} ?selected=${name === collection}>${name}</option>`,
        )}
      </select>
    </label>`;
  }

  #places() {
    const { area, collection, session } = this.state;
    if (!collection || session?.role === null) return nothing;
    const go = (place: (typeof PLACES)[number]) => (event: Event) => {
      event.preventDefault();
      this.controller.navigation.enter(place);
    };
    return html`<nav class="places" aria-label=${t("areas")}>
      ${PLACES.map(
        (one) => html`<a
          href="#/${one}/${collection}"
          data-area=${one}
          aria-current=${one === area ? "page" : "false"}
          @click=${go(one)}
          >${t(PLACE_NAMES[one])}</a
        >`,
      )}
    </nav>`;
  }

  #status() {
    const { connection, arrived } = this.state;
    const name = { live: "status_live", connecting: "status_connecting", broken: "status_broken" }[
      connection.kind
    ] as "status_live";
    const news = arrived > 0 ? t("arrived", { count: arrived }) : nothing;
    return html`<span class="status" data-status=${connection.kind} role="status" title=${news}>
      <i class="dot"></i>${t(name)}
    </span>`;
  }

  #language() {
    const { language } = this.state;
    const choose = (event: Event) =>
      void this.controller.appearance.setLanguage(
        (event.target as HTMLSelectElement).value as Language,
      );
    return html`<label class="select language">
      <span class="unseen">${t("language")}</span>
      <select @change=${choose}>
        ${LANGUAGES.map(
          (one) => html`<option value=${one} lang=${one} ?selected=${one === language}>
            ${t(LANGUAGE_NAMES[one])}
          </option>`,
        )}
      </select>
    </label>`;
  }

  #theme() {
    const other = this.state.theme === "dark" ? "light" : "dark";
    const label = t(other === "dark" ? "to_dark" : "to_light");
    return html`<button
      class="round"
      type="button"
      data-action="theme"
      title=${label}
      aria-label=${label}
      @click=${() => this.controller.appearance.setTheme(other)}
    >
      ${other === "dark" ? moon : sun}
    </button>`;
  }

  #session() {
    const { session } = this.state;
    if (!session?.needs_token || !session.name) return nothing;
    const label = `${t("sign_out")} · ${t("signed_in", { name: session.name })}`;
    return html`<button
      class="round"
      type="button"
      data-action="sign-out"
      title=${label}
      aria-label=${label}
      @click=${() => void this.controller.signOut()}
    >
      ${leave}
    </button>`;
  }

  #skip = (event: Event) => {
    event.preventDefault();
    const place = this.state.area === "map" ? "#map-canvas" : ".system-place";
    document.querySelector<HTMLElement>(place)?.focus();
  };
}

customElements.define("page-header", PageHeader);
