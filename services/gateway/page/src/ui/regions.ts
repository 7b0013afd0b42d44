// The regions of the map as a list: what each is about, and a way to its points.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Region } from "../api/schema.ts";
import { t, written } from "../i18n/index.ts";
import { nameOfRegion } from "../state/regions.ts";
import { PageElement } from "./element.ts";

export class PageRegions extends PageElement {
  protected override render() {
    const { named } = this.controller.regions;
    if (named.length === 0) return nothing;
    const { areNamesShown, regions } = this.state;
    const told = regions?.found_at ? written(regions.found_at, true) : "–";
    return html`<section class="regions" aria-labelledby="regions-title">
      <div class="regions-head">
        <h2 id="regions-title">${t("regions")}</h2>
        <label class="check">
          <input
            type="checkbox"
            name="region-names"
            .checked=${areNamesShown}
            @change=${() => this.controller.regions.showNames(!areNamesShown)}
          /><span>${t("region_names")}</span>
        </label>
      </div>
      <ul class="region-list" aria-labelledby="regions-title">
        ${repeat(
          named,
          ({ region }) => region,
          (one) => this.#region(one),
        )}
      </ul>
      <p class="hint">${t("regions_what", { count: regions?.records ?? 0, time: told })}</p>
    </section>`;
  }

  #region(one: Region) {
    const name = nameOfRegion(one);
    const query = this.state.listing?.query;
    const isChosen = query?.kind === "region" && query.region === one.region;
    return html`<li>
      <button
        class="region-entry"
        type="button"
        aria-pressed=${isChosen}
        title=${t("region_hint", { name })}
        data-region=${one.region}
        @click=${() => this.#choose(one.region, isChosen)}
      >
        <span class="name">${name}</span>
        <span class="number">${t("share", { share: one.share })}</span>
      </button>
    </li>`;
  }

  #choose(region: number, isChosen: boolean): void {
    const { finding } = this.controller;
    if (isChosen) finding.clear();
    else void finding.find({ kind: "region", region });
  }
}

customElements.define("page-regions", PageRegions);
