// The map itself: its canvas, what is pointed at, and how one moves about.

import { html, nothing, type PropertyValues } from "lit";
import { thinned } from "../data/areas.ts";
import { t } from "../i18n/index.ts";
import type { Place } from "../map/camera.ts";
import { Scene } from "../map/scene.ts";
import { PageElement } from "./element.ts";
import { Gestures } from "./gestures.ts";
import { clock, frame, lasso, list, minus, plus } from "./icons.ts";
import { Overlay } from "./overlay.ts";
import { Pointed, placeTip } from "./pointed.ts";
import { RegionNames } from "./region_names.ts";
import { RunPaths } from "./run_paths.ts";

const ZOOM = 1.5;

export class PageMap extends PageElement {
  #scene: Scene | null = null;
  #overlay: Overlay | null = null;
  #names: RegionNames | null = null;
  #paths: RunPaths | null = null;
  #observer: ResizeObserver | null = null;
  #pointed = new Pointed(this.controller, () => this.requestUpdate());
  #sought: string | null = null;
  #gestures: Gestures | null = null;
  #isDrawing = false;
  #outside = 0; // points that lie far off what is in view

  protected override render() {
    const { count, stage } = this.state;
    const isMap = stage.kind === "map";
    return html`<div class="map" ?data-ready=${isMap}>
      <div class="canvas-place"></div>
      <div class="region-names" aria-hidden="true"></div>
      <svg class="overlay" aria-hidden="true">
        <g class="run-paths"></g>
        <polygon class="selected"></polygon><polygon class="drawn"></polygon>
        <polyline class="path"></polyline>
        <circle class="neighbour" r="6"></circle><circle class="neighbour" r="6"></circle>
        <circle class="opened-halo" r="11"></circle>
        <circle class="hovered-halo" r="9"></circle>
      </svg>
      ${isMap && this.#outside > 0 ? this.#farOff() : nothing}
      ${this.#pointed.tip((row) => this.#scene?.pointing.countOn(row) ?? 1)}
      <div class="zoom tools" role="group" ?hidden=${!isMap || count === 0}>
        <button
          class="round"
          type="button"
          data-action="lasso"
          aria-pressed=${this.#isDrawing}
          title=${t("select_area")}
          aria-label=${t("select_area")}
          @click=${() => this.#setDrawing(!this.#isDrawing)}
        >
          ${lasso}
        </button>
        <button
          class="round"
          type="button"
          data-action="time"
          aria-pressed=${this.state.isTimeOpen}
          title=${t("choose_time")}
          aria-label=${t("choose_time")}
          @click=${() => this.controller.timing.open(!this.state.isTimeOpen)}
        >
          ${clock}
        </button>
        ${this.#button("select_seen", list, () => this.#listSeen())}
      </div>
      <div class="zoom" role="group" ?hidden=${!isMap || count === 0}>
        ${this.#button("zoom_in", plus, () => this.#scene?.zoom(ZOOM))}
        ${this.#button("zoom_out", minus, () => this.#scene?.zoom(1 / ZOOM))}
        ${this.#button("zoom_all", frame, () => this.#scene?.showAll())}
      </div>
    </div>`;
  }

  /** A few points lie so far off that showing them made all others small. */
  #farOff() {
    return html`<p class="far-off">
      ${t("far_off", { count: this.#outside })}
      <button class="text" type="button" data-action="far-off" @click=${() => this.#scene?.showAll()}>
        ${t("far_off_show")}
      </button>
    </p>`;
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
    const id = this.controller.opening.id;
    if (id !== this.#sought) {
      this.#sought = id;
      const row = id ? (this.controller.points?.ids.findText(id) ?? -1) : -1;
      if (row >= 0) this.#scene?.seek(row);
    }
    const { chosen, paths } = this.state.runs;
    this.#paths?.show(chosen.map((one) => paths[one]).filter((one) => one !== undefined));
    this.#names?.show(this.state.areNamesShown ? this.controller.regions.named : []);
    this.#place();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer?.disconnect();
    this.controller.painting.drawWith(null);
    this.#scene?.destroy();
  }

  /** Make the canvas, and make it anew when the graphics card was lost. */
  #begin(): void {
    const canvas = document.createElement("canvas");
    canvas.id = "map-canvas";
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    this.querySelector(".canvas-place")?.replaceChildren(canvas);
    this.#scene = new Scene(
      canvas,
      () => this.#fit(),
      () => this.#place(),
    );
    canvas.dataset["renderer"] = this.#scene.kind;
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.controller.painting.drawWith(null);
      setTimeout(() => this.#begin(), 200);
    });
    this.#names ??= new RegionNames(this.querySelector(".region-names") as HTMLElement);
    this.#paths ??= new RunPaths(this.querySelector(".run-paths") as SVGElement, (rows) =>
      this.#scene?.include(rows),
    );
    this.#overlay = new Overlay(this.querySelector(".overlay") as SVGSVGElement);
    this.#gestures = new Gestures(canvas, {
      pan: (dx, dy) => this.#scene?.pan(dx, dy),
      zoom: (factor, at) => this.#scene?.zoom(factor, at?.x, at?.y),
      all: () => this.#scene?.showAll(),
      hover: (at) => this.#hover(at),
      choose: (at) => this.#choose(this.#scene?.pointing.pick(at.x, at.y) ?? -1),
      chooseCentral: () => this.#choose(this.#scene?.pointing.central() ?? -1),
      close: () => this.#escape(),
      step: (way) => this.#step(way),
      drawing: (line) => this.#overlay?.outline("drawn", line ?? []),
      select: (line) => this.#select(this.#onMap(line)),
      selectSeen: () => this.#listSeen(),
    });
    this.#fit();
    this.controller.painting.drawWith(this.#scene);
  }

  #fit(): void {
    const canvas = this.querySelector("canvas");
    if (!canvas || !this.#scene) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    this.#scene.resize({ width, height }, devicePixelRatio);
    const { density } = this.#scene;
    const [wide, high] = [Math.round(width * density), Math.round(height * density)];
    if (canvas.width === wide && canvas.height === high) return; // setting them wipes the picture
    canvas.width = wide;
    canvas.height = high;
  }

  #button(
    label: "zoom_in" | "zoom_out" | "zoom_all" | "select_seen",
    icon: unknown,
    act: () => void,
  ) {
    return html`<button class="round" type="button" title=${t(label)} aria-label=${t(label)} @click=${act}>
      ${icon}
    </button>`;
  }

  #hover(at: Place | null): void {
    const row = at ? (this.#scene?.pointing.pick(at.x, at.y) ?? -1) : -1;
    this.#pointed.pointAt(row);
    this.querySelector("canvas")?.classList.toggle("pointing", row >= 0);
  }

  #choose(row: number): void {
    const { points } = this.controller;
    if (row >= 0 && points) void this.controller.opening.open(points.ids.textOf(row));
    else this.controller.opening.close();
  }

  #onMap(line: readonly Place[]): readonly Place[] {
    const scene = this.#scene;
    return scene ? line.map(({ x, y }) => scene.toMap(x, y)) : [];
  }

  #select(corners: readonly Place[]): void {
    this.#setDrawing(false);
    if (corners.length > 2) {
      void this.controller.finding.find({ kind: "area", corners: thinned(corners) });
    }
  }

  #listSeen(): void {
    this.#setDrawing(false);
    void this.controller.finding.find({ kind: "view" });
  }

  #setDrawing(isDrawing: boolean): void {
    this.#isDrawing = isDrawing;
    if (this.#gestures) this.#gestures.mode = isDrawing ? "lasso" : "move";
    this.querySelector("canvas")?.classList.toggle("drawing", isDrawing);
    this.requestUpdate();
  }

  /** Escape ends what was begun last. */
  #escape(): void {
    const { opened, listing } = this.state;
    if (this.#isDrawing) this.#setDrawing(false);
    else if (opened.kind !== "none") this.controller.opening.close();
    else if (listing) this.controller.finding.clear();
  }

  #step(way: "previous" | "next"): void {
    const { opened } = this.state;
    const step = opened.kind === "record" ? opened.record[way] : null;
    if (step) void this.controller.opening.open(step.id);
  }

  /** Put what lies over the points where they are. */
  #place(): void {
    const scene = this.#scene;
    const { points } = this.controller;
    if (!scene?.isSeen || !this.#overlay) return;
    const at = (row: number) =>
      points && row >= 0 && row < points.size && scene.isShown(row) ? scene.placeOf(row) : null;
    const rowOf = (id: string | undefined) => (id ? (points?.ids.findText(id) ?? -1) : -1);
    const hovered = at(this.#pointed.row);
    const { opened } = this.state;
    const record = opened.kind === "record" ? opened.record : null;
    this.#overlay.place({
      hovered,
      opened: at(rowOf(this.controller.opening.id ?? undefined)),
      previous: at(rowOf(record?.previous?.id)),
      next: at(rowOf(record?.next?.id)),
    });
    const query = this.state.listing?.query;
    const selected = query?.kind === "area" ? query.corners : [];
    this.#overlay.outline(
      "selected",
      selected.map((one) => scene.toScreen(one)),
    );
    this.#names?.follow(scene.sight);
    this.#paths?.follow(points, (row) => scene.placeOf(row));
    const tip = this.querySelector<HTMLElement>(".tip");
    const canvas = this.querySelector("canvas");
    if (tip && canvas && hovered) placeTip(tip, hovered, canvas);
    this.#tellAim();
    if (scene.outside !== this.#outside) {
      this.#outside = scene.outside;
      this.requestUpdate();
    }
  }

  #tellAim(): void {
    const aim = this.#scene?.aim ?? null;
    if (JSON.stringify(aim) === JSON.stringify(this.controller.painting.aim)) return;
    this.controller.painting.looked(aim);
    this.controller.finding.looked();
  }
}

customElements.define("page-map", PageMap);
