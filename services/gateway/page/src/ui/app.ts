// The whole page: a line at the top, the map, and beside it the legend and an open record.

import { html } from "lit";
import { PageElement } from "./element.ts";
import "./header.ts";
import "./legend.ts";
import "./map_view.ts";
import "./notices.ts";
import "./record_panel.ts";
import "./states.ts";

export class PageApp extends PageElement {
  protected override render() {
    const { stage, opened } = this.state;
    const isMap = stage.kind === "map";
    return html`<page-header></page-header>
      <main class="main" ?data-aside=${isMap} ?data-record=${opened.kind !== "none"}>
        <div class="ground"><page-map></page-map><page-stage></page-stage><page-notices></page-notices></div>
        <aside class="aside" ?hidden=${!isMap}>
          <page-record></page-record>
          <page-legend></page-legend>
        </aside>
      </main>`;
  }
}

customElements.define("page-app", PageApp);
