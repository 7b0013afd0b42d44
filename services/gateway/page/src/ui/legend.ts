// What the colours mean; each entry hides or shows its points.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { type Entry, FIELDS } from "../data/coding.ts";
import { apart } from "../data/names.ts";
import { css, unknownColour } from "../data/palettes.ts";
import { counted, type Message, t } from "../i18n/index.ts";
import { DENSITIES, type Density } from "../map/density.ts";
import { PageElement } from "./element.ts";
import { down } from "./icons.ts";
import { styled } from "./styled.ts";
import { columnName, FIELD_NAMES, fieldName, nameOf } from "./texts.ts";

/** Words of an attribute: with more, they tell records apart, not kinds of them. */
const MOST_WORDS = 60;
const MOST_NAME = 29;
const DENSITY_NAMES: Record<Density, Message> = {
  auto: "density_auto",
  even: "density_even",
  dense: "density_dense",
};

export class PageLegend extends PageElement {
  #names: ReadonlyMap<string, string> = new Map();

  protected override render() {
    const { entries, hidden, isLegendOpen, field } = this.state;
    this.#names = apart(
      entries.map((one) => nameOf(one, field)),
      MOST_NAME,
    );
    return html`<section class="legend" aria-labelledby="legend-title" ?data-open=${isLegendOpen}>
      <div class="legend-head">
        <h2 id="legend-title">${t("legend")}</h2>
        <button
          class="text fold"
          type="button"
          aria-expanded=${isLegendOpen}
          aria-controls="legend-body"
          title=${t(isLegendOpen ? "hide_legend" : "show_legend")}
          aria-label=${t(isLegendOpen ? "hide_legend" : "show_legend")}
          @click=${() => this.controller.store.set({ isLegendOpen: !isLegendOpen })}
        >
          ${down}
        </button>
        ${
          hidden.size > 0
            ? html`<button class="text" type="button" @click=${() => this.controller.painting.showAll()}>
              ${t("show_all")}
            </button>`
            : nothing
        }
      </div>
      <div id="legend-body" class="legend-body" ?hidden=${!isLegendOpen}>
        <p class="hint map-what">${t("map_what")}</p>
        ${this.#fields()}
        <ul class="entries" aria-label=${fieldName(field)}>
          ${repeat(
            entries,
            ({ key }) => key,
            (entry) => this.#entry(entry),
          )}
        </ul>
        <p class="hint" role="status">${hidden.size > 0 ? this.#shown() : nothing}</p>
        ${this.#style()}
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
              @change=${() => this.controller.painting.setField(one)}
            /><span>${t(FIELD_NAMES[one])}</span>
          </label>`,
        )}
      </div>
      ${this.#columns()}
    </fieldset>`;
  }

  #columns() {
    const { columns, field } = this.state;
    const useful = columns.filter((one) => one.kind !== "word" || one.different <= MOST_WORDS);
    if (useful.length === 0) return nothing;
    const chosen = field.startsWith("@") ? field.slice(1) : "";
    const choose = (event: Event) => {
      const { value } = event.target as HTMLSelectElement;
      if (value) this.controller.painting.setField(`@${value}`);
    };
    return html`<label class="select wide" ?data-chosen=${chosen !== ""}>
      <span class="unseen">${t("by_attribute")}</span>
      <select data-action="attribute" .value=${chosen} @change=${choose}>
        <option value="" ?selected=${chosen === ""} ?disabled=${chosen !== ""}>
          ${t("by_attribute")}
        </option>
        ${useful.map(
          ({ name }) =>
            html`<option value=${name} ?selected=${name === chosen}>${columnName(name)}</option>`,
        )}
      </select>
    </label>`;
  }

  /** How points are drawn: sizes, and what many on each other look like. */
  #style() {
    const { pointSize, density } = this.state;
    const { painting } = this.controller;
    return html`<div class="style">
      <label class="size">
        <span>${t("point_size")}</span>
        <input
          type="range"
          min="0.5"
          max="2.5"
          step="0.25"
          .value=${String(pointSize)}
          @input=${(event: Event) =>
            painting.style({ pointSize: Number((event.target as HTMLInputElement).value) })}
        />
      </label>
      <label class="select density">
        <span>${t("density")}</span>
        <select
          name="density"
          .value=${density}
          @change=${(event: Event) =>
            painting.style({ density: (event.target as HTMLSelectElement).value as Density })}
        >
          ${DENSITIES.map(
            (one) => html`<option value=${one} ?selected=${one === density}>
              ${t(DENSITY_NAMES[one])}
            </option>`,
          )}
        </select>
      </label>
    </div>`;
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
        @click=${() => this.controller.painting.toggle(entry.key)}
        @dblclick=${() => this.controller.painting.only(entry.key)}
      >
        <i class="swatch" ${styled("--swatch", css(this.#colour(entry)))}></i>
        <span class="name">${this.#names.get(name)}</span>
        <span class="number">${counted(entry.count)}</span>
      </button>
    </li>`;
  }

  #colour(entry: Entry) {
    const { theme } = this.state;
    return this.controller.painting.coding?.colour(entry.code, theme) ?? unknownColour(theme);
  }

  #shown() {
    const { entries, hidden } = this.state;
    const sum = (some: readonly Entry[]) => some.reduce((all, one) => all + one.count, 0);
    const shown = sum(entries.filter((one) => !hidden.has(one.key)));
    return t("shown", { shown, all: sum(entries) });
  }
}

customElements.define("page-legend", PageLegend);
