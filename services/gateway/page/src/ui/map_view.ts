// The map itself: its canvas, what is pointed at, and how one moves about.

import { html, nothing, type PropertyValues } from "lit";
import type { WholeRecord } from "../api/schema.ts";
import { t } from "../i18n/index.ts";
import type { Place } from "../map/camera.ts";
import { Scene } from "../map/scene.ts";
import { PageElement } from "./element.ts";
import { Gestures } from "./gestures.ts";
import { frame, minus, plus } from "./icons.ts";
import { Overlay } from "./overlay.ts";
import { shortPath, typeName } from "./texts.ts";

const ZOOM = 1.5;
const LOOK_MS = 70;

export class PageMap extends PageElement {
  #scene: Scene | null = null;
  #overlay: Overlay | null = null;
  #observer: ResizeObserver | null = null;
  #hovered = -1;
  #hint: WholeRecord | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #sought: string | null = null;

  protected override render() {
    const { count, stage } = this.state;
    const isMap = stage.kind === "map";
    return html`<div class="map" ?data-ready=${isMap}>
      <div class="canvas-place"></div>
      <svg class="overlay" aria-hidden="true">
        <polyline class="path"></polyline>
        <circle class="neighbour" r="6"></circle><circle class="neighbour" r="6"></circle>
        <circle class="opened-halo" r="11"></circle>
        <circle class="hovered-halo" r="9"></circle>
      </svg>
      <div class="tip" ?hidden=${this.#hovered < 0}>${this.#tip()}</div>
      <div class="zoom" role="group" ?hidden=${!isMap || count === 0}>
        ${this.#button("zoom_in", plus, () => this.#scene?.zoom(ZOOM))}
        ${this.#button("zoom_out", minus, () => this.#scene?.zoom(1 / ZOOM))}
        ${this.#button("zoom_all", frame, () => this.#scene?.showAll())}
      </div>
    </div>`;
  }

  protected override firstUpdated(): void {
    this.#begin();
    const place = this.querySelector(".canvas-place") as HTMLElement;
    this.#observer = new ResizeObserver(() => this.#fit());
    this.#observer.observe(place);
  }

  protected override updated(changes: PropertyValues): void {
    super.updated(changes);
    const canvas = this.querySelector("canvas");
    canvas?.setAttribute(
      "aria-label",
      t("map_label", { points: t("points", { count: this.state.count }) }),
    );
    const id = this.controller.openedId;
    if (id !== this.#sought) {
      this.#sought = id;
      const row = id ? (this.controller.points?.ids.findText(id) ?? -1) : -1;
      if (row >= 0) this.#scene?.seek(row);
    }
    this.#place();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer?.disconnect();
    this.controller.drawWith(null);
    this.#scene?.destroy();
  }

  /** Make the canvas, and make it anew when the graphics card was lost. */
  #begin(): void {
    const canvas = document.createElement("canvas");
    canvas.id = "map-canvas";
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    this.querySelector(".canvas-place")?.replaceChildren(canvas);
    this.#scene = new Scene(canvas, () => this.#place());
    canvas.dataset["renderer"] = this.#scene.kind;
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.controller.drawWith(null);
      setTimeout(() => this.#begin(), 200);
    });
    this.#overlay = new Overlay(this.querySelector(".overlay") as SVGSVGElement);
    new Gestures(canvas, {
      pan: (dx, dy) => this.#scene?.pan(dx, dy),
      zoom: (factor, at) => this.#scene?.zoom(factor, at?.x, at?.y),
      all: () => this.#scene?.showAll(),
      hover: (at) => this.#hover(at),
      choose: (at) => this.#choose(this.#scene?.pick(at.x, at.y) ?? -1),
      chooseCentral: () => this.#choose(this.#scene?.central() ?? -1),
      close: () => this.controller.closeRecord(),
      step: (way) => this.#step(way),
    });
    this.#fit();
    this.controller.drawWith(this.#scene);
  }

  #fit(): void {
    const canvas = this.querySelector("canvas");
    if (!canvas || !this.#scene) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    this.#scene.resize({ width, height }, devicePixelRatio);
    canvas.width = Math.round(width * this.#scene.density);
    canvas.height = Math.round(height * this.#scene.density);
  }

  #button(label: "zoom_in" | "zoom_out" | "zoom_all", icon: unknown, act: () => void) {
    return html`<button class="round" type="button" title=${t(label)} aria-label=${t(label)} @click=${act}>
      ${icon}
    </button>`;
  }

  #hover(at: Place | null): void {
    const row = at ? (this.#scene?.pick(at.x, at.y) ?? -1) : -1;
    if (row === this.#hovered) return;
    this.#hovered = row;
    this.#hint = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (row >= 0) this.#timer = setTimeout(() => void this.#look(row), LOOK_MS);
    const canvas = this.querySelector("canvas");
    canvas?.classList.toggle("pointing", row >= 0);
    this.requestUpdate();
    this.#scene?.redraw();
  }

  /** Fetch what the record says that is pointed at. */
  async #look(row: number): Promise<void> {
    const { points } = this.controller;
    const { collection } = this.state;
    if (!points || !collection) return;
    try {
      const record = await this.controller.records.get(collection, points.ids.textOf(row));
      if (this.#hovered !== row) return;
      this.#hint = record;
      this.requestUpdate();
    } catch {
      // The files may not have it yet; its source and step are shown anyway.
    }
  }

  #tip() {
    const { points } = this.controller;
    const row = this.#hovered;
    if (!points || row < 0 || row >= points.size) return nothing;
    const type = points.types.words[points.type[row] as number] ?? "";
    const source = points.sources.words[points.source[row] as number] ?? "";
    return html`<p class="tip-facts">
        <span class="chip">${typeName(type)}</span>
        <span>${t("by_step")} ${points.step[row]}</span>
      </p>
      <p class="tip-text">${this.#hint ? this.#hint.text.trim().slice(0, 420) : "…"}</p>
      <p class="tip-source">${shortPath(source, 52)}</p>`;
  }

  #choose(row: number): void {
    const { points } = this.controller;
    if (row >= 0 && points) void this.controller.openRecord(points.ids.textOf(row));
    else this.controller.closeRecord();
  }

  #step(way: "previous" | "next"): void {
    const { opened } = this.state;
    const step = opened.kind === "record" ? opened.record[way] : null;
    if (step) void this.controller.openRecord(step.id);
  }

  /** Put what lies over the points where they are. */
  #place(): void {
    const scene = this.#scene;
    const { points } = this.controller;
    if (!scene || !this.#overlay) return;
    const at = (row: number) =>
      points && row >= 0 && row < points.size && scene.isShown(row) ? scene.placeOf(row) : null;
    const rowOf = (id: string | undefined) => (id ? (points?.ids.findText(id) ?? -1) : -1);
    const { opened } = this.state;
    const record = opened.kind === "record" ? opened.record : null;
    this.#overlay.place({
      hovered: at(this.#hovered),
      opened: at(rowOf(this.controller.openedId ?? undefined)),
      previous: at(rowOf(record?.previous?.id)),
      next: at(rowOf(record?.next?.id)),
    });
    this.#placeTip(at(this.#hovered));
  }

  #placeTip(place: Place | null): void {
    const tip = this.querySelector<HTMLElement>(".tip");
    if (!tip || !place) return;
    const { clientWidth: width, clientHeight: height } = this.querySelector(
      "canvas",
    ) as HTMLElement;
    const right = place.x + 16 + tip.offsetWidth > width;
    const left = right ? place.x - 16 - tip.offsetWidth : place.x + 16;
    const top = Math.min(Math.max(8, place.y - 20), height - tip.offsetHeight - 8);
    tip.style.setProperty("transform", `translate(${Math.max(8, left)}px, ${Math.max(8, top)}px)`);
  }
}

customElements.define("page-map", PageMap);
