// What the colours mean; each entry hides or shows its points.

import { html, nothing } from "lit";
import { type Entry, FIELDS } from "../data/coding.ts";
import { css, unknownColour } from "../data/palettes.ts";
import { counted, t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { down } from "./icons.ts";
import { styled } from "./styled.ts";
import { FIELD_NAMES, nameOf, shortPath } from "./texts.ts";

export class PageLegend extends PageElement {
  protected override render() {
    const { entries, hidden, isLegendOpen, field } = this.state;
    return html`<section class="legend" aria-labelledby="legend-title" ?data-open=${isLegendOpen}>
      <div class="legend-head">
        <h2 id="legend-title">${t("legend")}</h2>
        <button
          class="text fold"
          type="button"
          aria-expanded=${isLegendOpen}
          aria-controls="legend-body"
          aria-label=${t(isLegendOpen ? "hide_legend" : "show_legend")}
          @click=${() => this.controller.store.set({ isLegendOpen: !isLegendOpen })}
        >
          ${down}
        </button>
        ${
          hidden.size > 0
            ? html`<button class="text" type="button" @click=${() => this.controller.showAll()}>
              ${t("show_all")}
            </button>`
            : nothing
        }
      </div>
      <div id="legend-body" class="legend-body" ?hidden=${!isLegendOpen}>
        ${this.#fields()}
        <ul class="entries" aria-label=${t(FIELD_NAMES[field])}>
          ${entries.map((entry) => this.#entry(entry))}
        </ul>
        <p class="hint" role="status">${hidden.size > 0 ? this.#shown() : nothing}</p>
      </div>
    </section>`;
  }

  #fields() {
    const { field } = this.state;
    return html`<fieldset class="fields">
      <legend>${t("colour_by")}</legend>
      <div class="segments">
        ${FIELDS.map(
          (one) => html`<label>
            <input
              type="radio"
              name="field"
              value=${one}
              .checked=${one === field}
              @change=${() => this.controller.setField(one)}
            /><span>${t(FIELD_NAMES[one])}</span>
          </label>`,
        )}
      </div>
    </fieldset>`;
  }

  #entry(entry: Entry) {
    const { hidden, field } = this.state;
    const name = nameOf(entry, field);
    const isShown = !hidden.has(entry.key);
    return html`<li>
      <button
        class="entry"
        type="button"
        aria-pressed=${isShown}
        title="${name} — ${t("entry_hint")}"
        data-entry=${entry.key}
        @click=${() => this.controller.toggle(entry.key)}
        @dblclick=${() => this.controller.only(entry.key)}
      >
        <i class="swatch" ${styled("--swatch", css(this.#colour(entry)))}></i>
        <span class="name">${shortPath(name, 29)}</span>
        <span class="number">${counted(entry.count)}</span>
      </button>
    </li>`;
  }

  #colour(entry: Entry) {
    const { theme } = this.state;
    return this.controller.coding?.colour(entry.code, theme) ?? unknownColour(theme);
  }

  #shown() {
    const { entries, hidden } = this.state;
    const sum = (some: readonly Entry[]) => some.reduce((all, one) => all + one.count, 0);
    const shown = sum(entries.filter((one) => !hidden.has(one.key)));
    return t("shown", { shown, all: sum(entries) });
  }
}

customElements.define("page-legend", PageLegend);
