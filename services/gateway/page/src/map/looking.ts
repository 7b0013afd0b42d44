// Where one looks: at everything until somebody moves, then where they went; flights between.

import { extentOf } from "../data/extent.ts";
import { type Bounds, boundsOf, type Points } from "../data/points.ts";
import {
  type Aim,
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
import { Course, eased, FLIGHT_MS, wantsStillness } from "./motion.ts";

const MARGIN = 40;

export class Looking {
  #view: View = { x: 0, y: 0, scale: 1 };
  #goal: { from: View; to: View } | null = null;
  #flight = new Course(FLIGHT_MS);
  #isFitted = true;
  #size: Size = { width: 1, height: 1 };
  #isSeen = false;
  #box: Bounds | null = null;
  /** What is seen at first: some points may lie far off. */
  #home: Bounds | null = null;
  #outside = 0;

  get view(): View {
    return this.#view;
  }

  get isSeen(): boolean {
    return this.#isSeen;
  }

  get size(): Size {
    return this.#size;
  }

  get isFlying(): boolean {
    return this.#goal !== null;
  }

  /** How much closer one looks than at everything. */
  get zoom(): number {
    return this.#view.scale / this.#whole().scale;
  }

  /** Where one looks, or is about to; nothing if at everything. */
  get aim(): Aim | null {
    if (this.#isFitted) return null;
    const { x, y, scale } = this.#goal?.to ?? this.#view;
    return { x, y, zoom: scale / this.#whole().scale };
  }

  /** How many points lie far off, where one sees what is seen at first. */
  get outside(): number {
    return this.#isFitted ? this.#outside : 0;
  }

  /** There are other points to see, from a row on; who sees the whole map goes on doing so. */
  bound(points: Points, from: number, lasts = 0): void {
    this.#box = boundsOf(points, from, from > 0 ? this.#box : null);
    const extent = extentOf(points, this.#box);
    this.#outside = extent?.outside ?? 0;
    this.#home = extent && extent.outside > 0 ? extent.box : this.#box;
    if (!this.#isFitted) return;
    if (lasts > 0) this.#flyTo(this.#whole(), lasts);
    else this.#view = this.#whole();
  }

  /** Look at the same in a window of another size. */
  resize(size: Size): void {
    const { aim } = this;
    this.#isSeen = size.width > 0 && size.height > 0;
    this.#size = { width: Math.max(1, size.width), height: Math.max(1, size.height) };
    this.#goal = null;
    const whole = this.#whole();
    this.#view = aim ? { x: aim.x, y: aim.y, scale: whole.scale * aim.zoom } : whole;
  }

  pan(dx: number, dy: number): void {
    this.#look(panned(this.#view, dx, dy));
  }

  zoomAt(factor: number, x = this.#size.width / 2, y = this.#size.height / 2): void {
    this.#look(zoomed(this.#view, this.#size, factor, x, y));
  }

  aimAt({ x, y, zoom }: Aim): void {
    this.#look({ x, y, scale: this.#whole().scale * zoom });
  }

  /** Show what is seen at first; who sees that already sees also what lies far off. */
  showAll(): void {
    const isOnce = !this.#isFitted;
    this.#isFitted = isOnce || this.#box === this.#home;
    this.#flyTo(isOnce ? this.#whole() : fit(this.#box, this.#size), FLIGHT_MS);
  }

  /** Show all there is, if one sees the whole map and any of these places lies outside of that. */
  include(places: readonly Place[]): void {
    const isFar = places.map((one) => this.toScreen(one)).some((at) => !this.#isIn(at, 0));
    if (this.#isFitted && !this.#goal && isFar) this.showAll();
  }

  /** Bring a place into view, if it is not. */
  seek({ x, y }: Place): void {
    if (this.#isIn(this.toScreen({ x, y }), MARGIN)) return;
    this.#isFitted = false;
    this.#flyTo({ ...this.#view, x, y }, FLIGHT_MS);
  }

  /** Be where one is at a time. */
  step(now: number): void {
    if (!this.#goal) return;
    this.#view = between(this.#goal.from, this.#goal.to, eased(this.#flight.share(now)));
    if (!this.#flight.isRunning(now)) this.#goal = null;
  }

  /** Return which place of the plane is at a pixel. */
  toMap(x: number, y: number): Place {
    return toMap(this.#view, this.#size, x, y);
  }

  /** Return where a place of the plane is seen. */
  toScreen({ x, y }: Place): Place {
    return toScreen(this.#view, this.#size, x, y);
  }

  #isIn({ x, y }: Place, margin: number): boolean {
    const { width, height } = this.#size;
    return Math.min(x, width - x) > margin && Math.min(y, height - y) > margin;
  }

  #look(view: View): void {
    this.#goal = null;
    this.#isFitted = false;
    this.#view = bounded(view, fit(this.#box, this.#size), this.#box);
  }

  #whole(): View {
    return fit(this.#home, this.#size);
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
}
