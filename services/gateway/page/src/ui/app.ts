// The whole page: a line at the top, the map, and beside it the legend and an open record.

import { html, nothing } from "lit";
import { PageElement } from "./element.ts";
import "./header.ts";
import "./found_panel.ts";
import "./legend.ts";
import "./map_view.ts";
import "./matches.ts";
import "./notices.ts";
import "./record_panel.ts";
import "./regions.ts";
import "./states.ts";
import "./runs.ts";
import "./shown_runs.ts";
import "./sources.ts";
import "./system.ts";
import "./timeline.ts";

/** What has to be answered before anything is shown. */
const LOCKED: ReadonlySet<string> = new Set(["signing-in", "forbidden"]);

const ELSEWHERE = {
  system: html`<page-system></page-system>`,
  runs: html`<page-runs></page-runs>`,
  matches: html`<page-matches></page-matches>`,
  sources: html`<page-sources></page-sources>`,
};

export class PageApp extends PageElement {
  protected override render() {
    const { stage, opened, listing, isListShown, isTimeOpen } = this.state;
    const isBusy = opened.kind !== "none" || listing !== null;
    const isList = listing !== null && (isListShown || opened.kind === "none");
    const area = LOCKED.has(stage.kind) ? "map" : this.state.area;
    const isElsewhere = area !== "map";
    const isMap = stage.kind === "map";
    return html`<page-header></page-header>
      ${area === "map" ? nothing : html`<main class="system-place" tabindex="-1">${ELSEWHERE[area]}</main>`}
      <main class="main" ?hidden=${isElsewhere} ?data-aside=${isMap} ?data-record=${isBusy} ?data-time=${isMap && isTimeOpen}>
        <div class="ground"><page-map></page-map><page-timeline></page-timeline><page-stage></page-stage><page-notices></page-notices></div>
        <aside class="aside" ?hidden=${!isMap}>
          <page-record ?hidden=${isList}></page-record>
          <page-found ?hidden=${!isList}></page-found>
          <div class="beside">
            <page-shown-runs></page-shown-runs>
            <page-legend></page-legend>
            <page-regions></page-regions>
          </div>
        </aside>
      </main>`;
  }
}

customElements.define("page-app", PageApp);
