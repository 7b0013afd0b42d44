// The points on their canvas: where one looks, what glides, and what is under the pointer.

import { box } from "../data/areas.ts";
import type { Coding } from "../data/coding.ts";
import type { Marks } from "../data/marks.ts";
import type { Colour, Theme } from "../data/palettes.ts";
import type { Origins, Points } from "../data/points.ts";
import type { Aim, Place, Size } from "./camera.ts";
import { CanvasRenderer } from "./canvas_renderer.ts";
import { type Crowd, type Density, piledOf, thinnedBy } from "./density.ts";
import { filled, paletteOf } from "./filling.ts";
import { Looking } from "./looking.ts";
import {
  APPEAR_MS,
  Course,
  eased,
  FLIGHT_MS,
  GLIDE_MS,
  onTheWay,
  wantsStillness,
} from "./motion.ts";
import { Pictures } from "./pictures.ts";
import { Pointing } from "./pointing.ts";
import { type Renderer, radiusOf } from "./renderer.ts";
import { rowsToDraw } from "./rows_to_draw.ts";
import { WebglRenderer } from "./webgl_renderer.ts";

export const GROUNDS: Record<Theme, Colour> = { light: [250, 250, 248], dark: [14, 17, 22] };
const MOST_DENSITY = 2;

export class Scene {
  #renderer: Renderer;
  #points: Points | null = null;
  #coding: Coding | null = null;
  #marks: Marks | null = null;
  #origins: Origins | null = null;
  #prepared: { points: Points; size: number } | null = null;
  readonly #looking = new Looking();
  readonly pointing = new Pointing(
    this.#looking,
    (row) => this.isShown(row),
    () => this.redraw(),
  );
  #density = 1;
  #theme: Theme = "light";
  #pointSize = 1;
  #crowding: Density = "auto";
  #hidden: ReadonlySet<number> = new Set();
  #seen = 1; // the share of all points whose entries are not hidden
  #glide = new Course(GLIDE_MS);
  #appearsUntil = 0;
  readonly #pictures: Pictures;

  constructor(
    canvas: HTMLCanvasElement,
    /** Have the canvas fit its place, as it is when a picture is about to be drawn. */
    fit: () => void,
    /** Told after each picture, so that what lies over it can follow. */
    private readonly drawn: () => void,
  ) {
    const renderer = WebglRenderer.on(canvas) ?? CanvasRenderer.on(canvas);
    if (!renderer) throw new Error("this browser draws no canvas");
    this.#renderer = renderer;
    this.#pictures = new Pictures(renderer, {
      isMoving: () => this.isMoving,
      fit,
      begin: (now) => this.#begin(now),
    });
  }

  get kind(): Renderer["kind"] {
    return this.#renderer.kind;
  }

  /** Whether it has a place on the page, or is merely kept while something else is shown. */
  get isSeen(): boolean {
    return this.#looking.isSeen;
  }

  get isMoving(): boolean {
    const now = performance.now();
    return this.#looking.isFlying || this.#glide.isRunning(now) || now < this.#appearsUntil;
  }

  /** Put points beside those that are shown, in short slices. */
  async prepare(points: Points, origins: Origins | null): Promise<void> {
    this.#prepared = null;
    await filled(this.#renderer, points, wantsStillness() ? null : origins);
    this.#prepared = { points, size: points.size };
  }

  /** Show other points, gliding from where they were, if that is known. */
  show(points: Points, coding: Coding, marks: Marks, origins: Origins | null): void {
    const now = performance.now();
    const isSettled = this.#points === null || origins === null;
    const glides = origins !== null && !wantsStillness();
    const { size } = points;
    this.#points = points;
    this.#coding = coding;
    this.#marks = marks;
    this.#origins = glides ? origins : null;
    this.pointing.show(points);
    this.#looking.bound(points, 0, isSettled ? 0 : GLIDE_MS);
    if (this.#prepared?.points !== points || this.#prepared.size !== size) {
      this.#renderer.begin(size);
      this.#renderer.fill(0, rowsToDraw(points, 0, size, glides ? origins : null, now));
    }
    this.#prepared = null;
    this.#renderer.turn();
    this.mark();
    this.#recolour();
    if (glides) this.#glide.begin(now);
    else this.#glide.end();
    this.redraw();
  }

  /** Show the points that came; if others have changed in place, all of them. */
  added(from: number, hasChanged: boolean): void {
    const [points, coding, marks] = [this.#points, this.#coding, this.#marks];
    if (!points || !coding || !marks) return;
    const now = performance.now();
    const first = hasChanged ? 0 : from;
    const rows = rowsToDraw(points, first, points.size, null, now, from);
    if (hasChanged) void this.pointing.index();
    this.#renderer.write(first, rows);
    this.#renderer.setCodes(first, coding.codes.subarray(first, points.size));
    this.#renderer.setFlags(first, marks.flags.subarray(first, points.size));
    this.#appearsUntil = now + APPEAR_MS;
    this.#looking.bound(points, first, FLIGHT_MS);
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

  /** Light and hide points as their marks say now. */
  mark(): void {
    if (this.#marks && this.#points) {
      this.#renderer.setFlags(0, this.#marks.flags.subarray(0, this.#points.size));
    }
    this.redraw();
  }

  style(pointSize: number, density: Density): void {
    this.#pointSize = pointSize;
    this.#crowding = density;
    this.redraw();
  }

  resize(size: Size, density: number): void {
    const { width, height } = this.#looking.size;
    const before = this.#density;
    this.#density = Math.min(MOST_DENSITY, density);
    const isSame = width === size.width && height === size.height && before === this.#density;
    if (isSame) return;
    this.#looking.resize(size);
    this.redraw();
  }

  /** How many points lie far off the map that is seen at first. */
  get outside(): number {
    return this.#looking.outside;
  }

  /** Where one looks; nothing if at everything. */
  get aim(): Aim | null {
    return this.#looking.aim;
  }

  /** Look somewhere, at once. */
  aimAt(aim: Aim): void {
    this.#looking.aimAt(aim);
    this.redraw();
  }

  /** What of the plane is in view: its corners. */
  get corners(): readonly Place[] {
    const { width, height } = this.#looking.size;
    return box(this.toMap(0, 0), this.toMap(width, height));
  }

  /** Where places of the plane are seen. */
  get sight(): { size: Size; scale: number; toScreen: (place: Place) => Place } {
    const { size, view } = this.#looking;
    return { size, scale: view.scale, toScreen: (place) => this.toScreen(place) };
  }

  /** Return which place of the plane is at a pixel. */
  toMap(x: number, y: number): Place {
    return this.#looking.toMap(x, y);
  }

  /** Return where a place of the plane is seen. */
  toScreen(place: Place): Place {
    return this.#looking.toScreen(place);
  }

  get density(): number {
    return this.#density;
  }

  pan(dx: number, dy: number): void {
    this.#looking.pan(dx, dy);
    this.redraw();
  }

  zoom(factor: number, x?: number, y?: number): void {
    this.#looking.zoomAt(factor, x, y);
    this.redraw();
  }

  showAll(): void {
    this.#looking.showAll();
    this.redraw();
  }

  /** Show all there is, if any of these points lies far off the map that is seen at first. */
  include(rows: readonly number[]): void {
    const { x, y } = this.#points ?? { x: [], y: [] };
    this.#looking.include(rows.map((row) => ({ x: x[row] as number, y: y[row] as number })));
    this.redraw();
  }

  /** Bring a point into view, if it is not. */
  seek(row: number): void {
    if (!this.#points) return;
    const { x, y } = this.#points;
    this.#looking.seek({ x: x[row] as number, y: y[row] as number });
    this.redraw();
  }

  /** Return where a point is seen now. */
  placeOf(row: number): Place {
    const { x, y } = this.#points as Points;
    const share = eased(this.#glide.share(performance.now()));
    const [toX, toY] = [x[row] as number, y[row] as number];
    return this.toScreen(onTheWay(this.#origins?.places, row, toX, toY, share));
  }

  isShown(row: number): boolean {
    if (this.#marks?.isHidden(row)) return false;
    return !this.#hidden.has(this.#coding?.codes[row] ?? 0);
  }

  redraw(): void {
    this.#pictures.renew();
  }

  destroy(): void {
    this.#pictures.end();
    this.#renderer.destroy();
  }

  /** Say how many points there are, and lie on each other as one looks now. */
  #crowd(radius: number): Crowd {
    const { perArea } = this.pointing;
    const piled = perArea && piledOf(perArea * this.#seen, radius, this.#looking.view.scale);
    return { count: this.#points?.size ?? 0, piled, density: this.#crowding };
  }

  #recolour(): void {
    const coding = this.#coding;
    if (!coding || !this.#points) return;
    this.#renderer.setCodes(0, coding.codes.subarray(0, this.#points.size));
    this.#renderer.setPalette(paletteOf(coding, this.#hidden, this.#theme));
    this.#seen = coding.shareWithout(this.#hidden);
  }

  /** Begin a picture of how it is now. */
  #begin(now: number): void {
    this.#looking.step(now);
    const glide = this.#glide.share(now);
    if (this.#origins && glide >= 1) {
      this.#renderer.settle();
      this.#origins = null;
    }
    const radius = radiusOf(this.#points?.size ?? 0, this.#looking.zoom) * this.#pointSize;
    const crowd = this.#crowd(radius);
    const share = this.#marks?.litShare ?? null;
    const frame = {
      view: this.#looking.view,
      size: this.#looking.size,
      density: this.#density,
      glide: eased(glide),
      now,
      radius,
      ground: GROUNDS[this.#theme],
      crowd,
      lit: share === null ? null : thinnedBy(crowd, 1 / share),
    };
    this.#renderer.draw(frame, this.#pictures.atOnce);
    this.drawn();
  }
}
