// The points on their canvas: where one looks, what glides, and what is under the pointer.

import type { Coding } from "../data/coding.ts";
import { Grid } from "../data/grid.ts";
import type { Colour, Theme } from "../data/palettes.ts";
import { type Bounds, boundsOf, type Origins, type Points } from "../data/points.ts";
import {
  between,
  bounded,
  fit,
  type Place,
  panned,
  type Size,
  toMap,
  toScreen,
  type View,
  zoomed,
} from "./camera.ts";
import { CanvasRenderer } from "./canvas_renderer.ts";
import { APPEAR_MS, Course, eased, FLIGHT_MS, GLIDE_MS, wantsStillness } from "./motion.ts";
import { EVER, type Palette, type Renderer, radiusOf } from "./renderer.ts";
import { WebglRenderer } from "./webgl_renderer.ts";

export const GROUNDS: Record<Theme, Colour> = { light: [250, 250, 248], dark: [14, 17, 22] };
const REACH = 14;
const MOST_DENSITY = 2;

/** Told after each picture, so that what lies over it can follow. */
export type Drawn = () => void;

export class Scene {
  #renderer: Renderer;
  #points: Points | null = null;
  #coding: Coding | null = null;
  #grid: Grid | null = null;
  #origins: Origins | null = null;
  #box: Bounds | null = null;
  #view: View = { x: 0, y: 0, scale: 1 };
  #goal: { from: View; to: View } | null = null;
  #isFitted = true;
  #size: Size = { width: 1, height: 1 };
  #density = 1;
  #theme: Theme = "light";
  #hidden: ReadonlySet<number> = new Set();
  #glide = new Course(GLIDE_MS);
  #flight = new Course(FLIGHT_MS);
  #appearsUntil = 0;
  #frame: number | null = null;

  constructor(
    canvas: HTMLCanvasElement,
    private readonly drawn: Drawn,
  ) {
    const renderer = WebglRenderer.on(canvas) ?? CanvasRenderer.on(canvas);
    if (!renderer) throw new Error("this browser draws no canvas");
    this.#renderer = renderer;
  }

  get kind(): Renderer["kind"] {
    return this.#renderer.kind;
  }

  get isMoving(): boolean {
    const now = performance.now();
    return this.#glide.isRunning(now) || this.#flight.isRunning(now) || now < this.#appearsUntil;
  }

  /** Whether all of the map is seen, as at first. */
  get isFitted(): boolean {
    return this.#isFitted;
  }

  /** Show other points, gliding from where they were, if that is known. */
  show(points: Points, coding: Coding, origins: Origins | null): void {
    const now = performance.now();
    const isFirst = this.#points === null;
    const glides = origins !== null && !wantsStillness();
    this.#points = points;
    this.#coding = coding;
    this.#origins = glides ? origins : null;
    this.#grid = new Grid(points);
    this.#box = boundsOf(points);
    this.#renderer.reset(points.size);
    this.#write(0, glides ? origins : null, now);
    this.#recolour();
    if (glides) this.#glide.begin(now);
    else this.#glide.end();
    if (isFirst || origins === null) this.#view = this.#whole();
    else if (this.#isFitted) this.#flyTo(this.#whole(), GLIDE_MS);
    this.redraw();
  }

  /** Show the points that came; if others have changed in place, all of them. */
  added(from: number, hasChanged: boolean): void {
    if (!this.#points) return;
    const now = performance.now();
    if (hasChanged) {
      this.#grid?.rebuild();
      this.#write(0, null, now, from);
    } else {
      this.#write(from, null, now, from);
    }
    this.#appearsUntil = now + APPEAR_MS;
    this.#box = boundsOf(this.#points);
    if (this.#isFitted) this.#flyTo(this.#whole(), FLIGHT_MS);
    this.redraw();
  }

  /** Colour by something else, or hide other entries. */
  colour(coding: Coding, hidden: ReadonlySet<number>, theme: Theme): void {
    this.#coding = coding;
    this.#hidden = hidden;
    this.#theme = theme;
    this.#recolour();
    this.redraw();
  }

  resize(size: Size, density: number): void {
    this.#size = { width: Math.max(1, size.width), height: Math.max(1, size.height) };
    this.#density = Math.min(MOST_DENSITY, density);
    if (this.#isFitted) this.#view = this.#whole();
    this.#goal = null;
    this.redraw();
  }

  get density(): number {
    return this.#density;
  }

  pan(dx: number, dy: number): void {
    this.#look(panned(this.#view, dx, dy));
  }

  zoom(factor: number, x = this.#size.width / 2, y = this.#size.height / 2): void {
    this.#look(zoomed(this.#view, this.#size, factor, x, y));
  }

  showAll(): void {
    this.#isFitted = true;
    this.#flyTo(this.#whole(), FLIGHT_MS);
    this.redraw();
  }

  /** Bring a point into view, if it is not. */
  seek(row: number): void {
    const place = this.placeOf(row);
    const isSeen =
      Math.min(place.x, this.#size.width - place.x) > 40 &&
      Math.min(place.y, this.#size.height - place.y) > 40;
    if (isSeen || !this.#points) return;
    this.#isFitted = false;
    const { x, y } = this.#points;
    this.#flyTo({ ...this.#view, x: x[row] as number, y: y[row] as number }, FLIGHT_MS);
    this.redraw();
  }

  /** Return where a point is seen now. */
  placeOf(row: number): Place {
    const points = this.#points as Points;
    let [x, y] = [points.x[row] as number, points.y[row] as number];
    const before = this.#origins?.places;
    if (before && 2 * row + 1 < before.length) {
      const share = eased(this.#glide.share(performance.now()));
      const [fromX, fromY] = [before[2 * row] as number, before[2 * row + 1] as number];
      x = fromX + (x - fromX) * share;
      y = fromY + (y - fromY) * share;
    }
    return toScreen(this.#view, this.#size, x, y);
  }

  /** Return the point at a pixel; -1 if there is none near. */
  pick(x: number, y: number, reach = REACH): number {
    const at = toMap(this.#view, this.#size, x, y);
    return this.#nearest(at, reach / this.#view.scale);
  }

  /** Return the point nearest to the centre, however far. */
  central(): number {
    const radius = Math.max(this.#size.width, this.#size.height) / this.#view.scale;
    return this.#nearest(this.#view, radius);
  }

  isShown(row: number): boolean {
    return !this.#hidden.has(this.#coding?.codes[row] ?? 0);
  }

  redraw(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  destroy(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#renderer.destroy();
  }

  #nearest(at: Place, radius: number): number {
    return this.#grid?.nearest(at.x, at.y, radius, (row) => this.isShown(row)) ?? -1;
  }

  #look(view: View): void {
    this.#goal = null;
    this.#isFitted = false;
    this.#view = bounded(view, this.#whole(), this.#box);
    this.redraw();
  }

  #whole(): View {
    return fit(this.#box, this.#size);
  }

  #flyTo(to: View, lasts: number): void {
    if (wantsStillness()) {
      this.#view = to;
      return;
    }
    this.#goal = { from: this.#view, to };
    this.#flight = new Course(lasts);
    this.#flight.begin(performance.now());
  }

  #write(from: number, origins: Origins | null, now: number, bornFrom = Infinity): void {
    const points = this.#points as Points;
    const size = points.size - from;
    const after = new Float32Array(size * 2);
    const born = new Float32Array(size).fill(EVER);
    const isStill = wantsStillness();
    for (let i = 0; i < size; i += 1) {
      const row = from + i;
      after[2 * i] = points.x[row] as number;
      after[2 * i + 1] = points.y[row] as number;
      if (!isStill && (row >= bornFrom || origins?.isNew[row])) born[i] = now;
    }
    const before = origins?.places ?? after;
    const codes = (this.#coding as Coding).codes.subarray(from, points.size);
    this.#renderer.write(from, { size, before, after, codes, born });
  }

  #recolour(): void {
    const coding = this.#coding;
    if (!coding || !this.#points) return;
    this.#renderer.setCodes(coding.codes.subarray(0, this.#points.size));
    const palette: Palette = new Uint8Array(1024);
    for (let code = 0; code < 256; code += 1) {
      palette.set(coding.colour(code, this.#theme), code * 4);
      palette[code * 4 + 3] = this.#hidden.has(code) ? 0 : 255;
    }
    this.#renderer.setPalette(palette);
  }

  #draw(): void {
    const now = performance.now();
    if (this.#goal) {
      this.#view = between(this.#goal.from, this.#goal.to, eased(this.#flight.share(now)));
      if (!this.#flight.isRunning(now)) this.#goal = null;
    }
    const glide = this.#glide.share(now);
    if (this.#origins && glide >= 1) {
      this.#renderer.settle();
      this.#origins = null;
    }
    this.#renderer.draw({
      view: this.#view,
      size: this.#size,
      density: this.#density,
      glide: eased(glide),
      now,
      radius: radiusOf(this.#points?.size ?? 0, this.#view.scale / this.#whole().scale),
      ground: GROUNDS[this.#theme],
    });
    this.drawn();
    if (this.isMoving || this.#goal) this.redraw();
  }
}
