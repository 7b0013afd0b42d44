// The sources of a collection: files are handed in, embedded anew and deleted, and jobs followed.

import { html, nothing } from "lit";
import { t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import "./confirm.ts";
import "./source_effects.ts";
import "./source_jobs.ts";
import "./source_manifests.ts";
import "./source_schedules.ts";
import "./source_table.ts";
import "./source_tray.ts";
import { problem } from "./system_parts.ts";

export class PageSources extends PageElement {
  #isOver = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.controller.sources.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.controller.sources.close();
  }

  protected override render() {
    const { trouble, outcome } = this.state.sources;
    const { mayOperate } = this.controller.sources;
    return html`<div
      class="system"
      id="sources"
      ?data-over=${this.#isOver && mayOperate}
      @dragover=${this.#over}
      @dragleave=${this.#leave}
      @drop=${this.#drop}
    >
      <div class="system-told" role="status" aria-live="polite">
        ${outcome ? html`<p class="outcome" data-good=${outcome.isGood}>${outcome.text}</p>` : nothing}
        ${trouble ? problem(t("system_trouble"), trouble) : nothing}
      </div>
      ${
        mayOperate
          ? html`<page-source-tray></page-source-tray>`
          : html`<p class="hint system-role">${t("only_read")}</p>`
      }
      <page-source-jobs></page-source-jobs>
      <page-source-table></page-source-table>
      <page-source-schedules></page-source-schedules>
      <page-source-manifests></page-source-manifests>
      ${mayOperate ? html`<page-source-effects></page-source-effects>` : nothing}
      <page-confirm></page-confirm>
    </div>`;
  }

  #over = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.#show(true);
  };

  #leave = (event: DragEvent) => {
    const to = event.relatedTarget;
    if (!(to instanceof Node) || !this.contains(to)) this.#show(false);
  };

  #drop = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.#show(false);
    if (this.controller.sources.mayOperate) this.controller.tray.add([...event.dataTransfer.files]);
  };

  #show(isOver: boolean): void {
    if (isOver === this.#isOver) return;
    this.#isOver = isOver;
    this.requestUpdate();
  }
}

customElements.define("page-sources", PageSources);
