// The point that is pointed at, and what is told of it beside the pointer.

import { html, nothing } from "lit";
import type { WholeRecord } from "../api/schema.ts";
import { shortPath } from "../data/names.ts";
import { isRow } from "../data/rows_of_tables.ts";
import { t } from "../i18n/index.ts";
import type { Place } from "../map/camera.ts";
import type { Controller } from "../state/controller.ts";
import { typeName } from "./texts.ts";

const LOOK_MS = 40;
const MOST_TEXT = 420;
const BESIDE = 16;
const MARGIN = 8;

export class Pointed {
  /** The id of the point: when the map is replaced, its row is another point's. */
  #id: string | null = null;
  #record: WholeRecord | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly controller: Controller,
    /** Told when there is something else to show; the picture itself stays as it is. */
    private readonly changed: () => void,
  ) {}

  /** The row of the point; -1: none. */
  get row(): number {
    return this.#id === null ? -1 : (this.controller.points?.ids.findText(this.#id) ?? -1);
  }

  /** Point at another point; -1: at none. */
  pointAt(row: number): void {
    const id = row < 0 ? null : (this.controller.points?.ids.textOf(row) ?? null);
    if (id === this.#id) return;
    this.#id = id;
    this.#record = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (id !== null) this.#timer = setTimeout(() => void this.#look(id), LOOK_MS);
    this.changed();
  }

  /** Fetch what the record says. */
  async #look(id: string): Promise<void> {
    const { records, store } = this.controller;
    const { collection } = store.state;
    if (!collection) return;
    try {
      const record = await records.get(collection, id);
      if (this.#id !== id) return;
      this.#record = record;
      this.changed();
    } catch {
      // The files may not have it yet; its source and step are shown anyway.
    }
  }

  /** Tell of the point, and how many others lie on its spot. */
  tip(countOn: (row: number) => number) {
    return html`<div class="tip" ?hidden=${this.row < 0}>${this.#told(countOn)}</div>`;
  }

  #told(countOn: (row: number) => number) {
    const { points } = this.controller;
    const { row } = this;
    if (!points || row < 0) return nothing;
    const type = points.types.words[points.type[row] as number] ?? "";
    const source = points.sources.words[points.source[row] as number] ?? "";
    const many = countOn(row);
    return html`<p class="tip-facts">
        <span class="chip">${typeName(type)}</span>
        ${isRow(type) ? nothing : html`<span>${t("by_step")} ${points.step[row]}</span>`}
        ${many > 1 ? html`<strong>${t("on_spot", { count: many })}</strong>` : nothing}
      </p>
      <p class="tip-text">${this.#record ? this.#record.text.trim().slice(0, MOST_TEXT) : "…"}</p>
      <p class="tip-source">${shortPath(source, 52)}</p>`;
  }
}

/** Put what is told beside a place, where it is seen whole. */
export function placeTip(tip: HTMLElement, place: Place, within: HTMLElement): void {
  const { clientWidth: width, clientHeight: height } = within;
  const isRight = place.x + BESIDE + tip.offsetWidth > width;
  const left = isRight ? place.x - BESIDE - tip.offsetWidth : place.x + BESIDE;
  const top = Math.min(Math.max(MARGIN, place.y - 20), height - tip.offsetHeight - MARGIN);
  const [x, y] = [Math.max(MARGIN, left), Math.max(MARGIN, top)];
  tip.style.setProperty("transform", `translate(${x}px, ${y}px)`);
}
