// A list of what was found or selected, with a piece of each text.

import { html, nothing } from "lit";
import type { Brief, Neighbour } from "../api/schema.ts";
import { apart, shortPath } from "../data/names.ts";
import { css, unknownColour } from "../data/palettes.ts";
import { isRow } from "../data/rows_of_tables.ts";
import { type Message, t } from "../i18n/index.ts";
import { type Listing, MOST_EXPORTED } from "../state/finding.ts";
import { nameOfRegion } from "../state/regions.ts";
import { PageElement } from "./element.ts";
import { cross, save } from "./icons.ts";
import { styled } from "./styled.ts";
import { lit, placeOf, typeName } from "./texts.ts";

const NOTHING: Partial<Record<Listing["query"]["kind"], Message>> = {
  words: "found_nothing",
  source: "source_nothing",
};
const MOST_TITLE = 44;
const MOST_SOURCE = 30;
const MOST_BEGINNING = 90;

export class PageFound extends PageElement {
  #names: ReadonlyMap<string, string> = new Map();
  #sought = "";

  protected override render() {
    const { listing } = this.state;
    if (!listing) return nothing;
    return html`<section class="found" aria-labelledby="found-title" @keydown=${this.#keys}>
      <div class="record-head">
        <h2 id="found-title" tabindex="-1" role="status">${this.#title(listing)}</h2>
        <button
          class="round"
          type="button"
          data-action="close-list"
          aria-label=${t("close")}
          title=${t("close")}
          @click=${this.#close}
        >
          ${cross}
        </button>
      </div>
      ${this.#like(listing)} ${this.#main(listing)} ${this.#runs(listing)} ${this.#notes(listing)}
      ${listing.query.kind === "words" ? html`<p class="found-exact hint">${t("found_exact")}</p>` : nothing}
      ${this.#items(listing)} ${this.#export(listing)}
    </section>`;
  }

  #title({ state, query, total: count, searched, records }: Listing): string {
    if (state === "failed") return t("list");
    if (state === "asking") return t("searching");
    if (query.kind === "like") return t("found_like", { count });
    if (query.kind === "area") return t("found_area", { count });
    if (query.kind === "view") return t("found_view", { count });
    if (query.kind === "source") {
      return t("found_source", { count, name: shortPath(query.name, MOST_TITLE) });
    }
    if (query.kind === "words") {
      const isAll = searched >= records;
      return t(isAll ? "found_words" : "found_words_least", { count, words: query.words });
    }
    const found = this.controller.regions.named.find((one) => one.region === query.region);
    return t("found_region", { count, name: nameOfRegion(found) });
  }

  /** Whose neighbours they are: its source, and its place there. */
  #like({ query }: Listing) {
    if (query.kind !== "like") return nothing;
    const { records, opening } = this.controller;
    const record = records.peek(this.state.collection ?? "", query.id);
    if (!record) void this.#learn(query.id);
    const name = record
      ? `${shortPath(record.filename, MOST_SOURCE)}, ${placeOf(record)}`
      : query.id.slice(0, 8);
    return html`<p class="found-note" data-like>
      ${t("found_like_what")}
      <button
        class="text cut"
        type="button"
        title=${record ? shortText(record.text.trim()) : query.id}
        @click=${() => void opening.open(query.id)}
      >
        ${name}
      </button>
    </p>`;
  }

  /** Ask once for the record that others are like. */
  async #learn(id: string): Promise<void> {
    const { collection } = this.state;
    if (!collection || this.#sought === id) return;
    this.#sought = id;
    try {
      await this.controller.records.get(collection, id);
      this.requestUpdate();
    } catch {
      // It left the map; its id says which one it was.
    }
  }

  /** The words of a region do not tell that it is one file. */
  #main({ main }: Listing) {
    if (!main) return nothing;
    const { name, share } = main;
    const show = () => void this.controller.finding.find({ kind: "source", name });
    return html`<p class="found-note" data-main>
      ${share === 1 ? t("found_one_source") : t("found_main_source", { share })}
      <button class="text" type="button" title=${t("source_points", { name })} @click=${show}>
        ${shortPath(name, MOST_TITLE)}
      </button>
    </p>`;
  }

  /** From what was found to the runs that it belongs to. */
  #runs({ query, state, total, items }: Listing) {
    const isPart = query.kind === "area" || query.kind === "region" || query.kind === "view";
    if (state !== "found" || total === 0 || query.kind === "source") return nothing;
    if (items.length > 0 && items.every((one) => isRow(one.type))) return nothing;
    const { corners } = this.controller.painting;
    const go = () => {
      this.controller.runs.passing(query.kind === "view" ? { kind: "area", corners } : query);
      this.controller.navigation.go("runs");
    };
    return html`<p class="found-note">
      <button class="text" type="button" data-action="runs-through" @click=${go}>
        ${t(isPart ? "runs_of_part" : "runs_of_found")}
      </button>
    </p>`;
  }

  #notes(listing: Listing) {
    const notes: string[] = [];
    const { state, total, known, searched, records, query, failure, isLooking } = listing;
    if (state === "found" && searched < records) {
      notes.push(t(isLooking ? "found_so_far" : "found_part", { searched, records }));
    }
    if (isLooking) return html`${notes.map((one) => html`<p class="found-note hint">${one}</p>`)}`;
    if (state === "found" && known < total) notes.push(t("found_lit", { known, total }));
    if (state === "found" && total === 0) {
      notes.push(t(NOTHING[query.kind] ?? "area_nothing"));
    }
    return html`${notes.map((one) => html`<p class="found-note hint">${one}</p>`)}
      ${
        failure
          ? html`<div class="trouble" role="alert">
            <p>${t(failure.what)}</p>
            <p class="detail">${failure.why}</p>
          </div>`
          : nothing
      }`;
  }

  #items(listing: Listing) {
    const { items, asked, known, isListing } = listing;
    this.#names = apart(
      items.map((one) => one.filename),
      MOST_SOURCE,
    );
    return html`<ul class="found-items" aria-labelledby="found-title">
        ${items.map((item) => this.#item(item))}
        ${
          asked > 0 && asked < known
            ? html`<li class="found-more">
              <button class="text" type="button" data-action="more" aria-busy=${isListing} @click=${this.#more}>
                ${t("list_more", { count: known - asked })}
              </button>
            </li>`
            : nothing
        }
      </ul>`;
  }

  #item(item: Brief | Neighbour) {
    const isOpen = this.controller.opening.id === item.id;
    const likeness = "similarity" in item ? t("likeness", { share: item.similarity }) : nothing;
    return html`<li>
      <button
        class="found-item"
        type="button"
        data-id=${item.id}
        aria-current=${isOpen}
        @click=${() => void this.controller.opening.open(item.id)}
      >
        <span class="found-facts">
          <i class="swatch" ${styled("--swatch", css(this.#colourOf(item.id)))}></i>
          <span class="found-type">${typeName(item.type)}</span>
          <span class="found-source" title=${item.filename}>${this.#names.get(item.filename)}</span>
          <span class="found-step">${likeness}</span>
        </span>
        <span class="found-text">${lit(item.excerpt)}</span>
      </button>
    </li>`;
  }

  #colourOf(id: string) {
    const { points, painting } = this.controller;
    const { theme } = this.state;
    const row = points?.ids.findText(id) ?? -1;
    const { coding } = painting;
    if (row < 0 || !coding) return unknownColour(theme);
    return coding.colour(coding.codes[row] as number, theme);
  }

  #export(listing: Listing) {
    if (listing.state !== "found" || listing.isLooking || listing.known === 0) return nothing;
    const label = t("export_count", { count: Math.min(listing.known, MOST_EXPORTED) });
    return html`<div class="found-export" role="group" aria-label=${label}>
      <span class="hint">${label}</span>
      ${(["csv", "parquet"] as const).map(
        (form) => html`<button
          class="text"
          type="button"
          data-export=${form}
          ?disabled=${listing.isExporting}
          @click=${() => void this.controller.finding.save(form)}
        >
          ${save}${t(form === "csv" ? "csv" : "parquet")}
        </button>`,
      )}
    </div>`;
  }

  #more = () => void this.controller.finding.more();

  /** Arrows go from one to the next. */
  #keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.#close();
      return;
    }
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const all = [...this.querySelectorAll<HTMLElement>(".found-item, .found-more button")];
    const place = all.indexOf(document.activeElement as HTMLElement);
    if (way === undefined || (place < 0 && way < 0)) return;
    event.preventDefault();
    all[place + way]?.focus();
  };

  #close = () => {
    this.controller.finding.clear();
    document.getElementById("map-canvas")?.focus();
  };
}

function shortText(text: string): string {
  return text.length > MOST_BEGINNING ? `${text.slice(0, MOST_BEGINNING)}…` : text;
}

customElements.define("page-found", PageFound);
