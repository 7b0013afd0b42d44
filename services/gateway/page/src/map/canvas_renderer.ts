// Draws the points where there is no WebGL 2: slower, and of very many only a part.

import { HIDDEN, LIT } from "../data/marks.ts";
import { type Colour, css } from "../data/palettes.ts";
import { type Place, toScreen } from "./camera.ts";
import { type Crowd, opacityOf, thinnedBy } from "./density.ts";
import { APPEAR_MS } from "./motion.ts";
import type { Layer } from "./pace.ts";
import {
  type Frame,
  litRadiusOf,
  type Palette,
  quieted,
  type Renderer,
  type RowsToDraw,
} from "./renderer.ts";

/** More points than this are thinned out, evenly. */
export const MOST_DRAWN = 50_000;

/** The columns of some points. */
class Table {
  before = new Float32Array(0);
  after = new Float32Array(0);
  codes = new Uint8Array(0);
  flags = new Uint8Array(0);
  born = new Float32Array(0);
  size = 0;

  constructor(room: number) {
    this.widen(Math.max(1024, room));
  }

  write(from: number, rows: RowsToDraw): void {
    if (from + rows.size > this.codes.length) this.widen((from + rows.size) * 2);
    this.before.set(rows.before, from * 2);
    this.after.set(rows.after, from * 2);
    this.born.set(rows.born, from);
    this.size = Math.max(this.size, from + rows.size);
  }

  widen(size: number): void {
    this.before = widened(new Float32Array(size * 2), this.before);
    this.after = widened(new Float32Array(size * 2), this.after);
    this.codes = widened(new Uint8Array(size), this.codes);
    this.flags = widened(new Uint8Array(size), this.flags);
    this.born = widened(new Float32Array(size), this.born);
  }
}

export class CanvasRenderer implements Renderer {
  readonly kind = "canvas";
  readonly isBusy = false;
  readonly isPartial = false;
  #shown = new Table(0);
  #filled = this.#shown;
  #palette: Palette = new Uint8Array(1024);

  private constructor(private readonly context: CanvasRenderingContext2D) {}

  static on(canvas: HTMLCanvasElement): CanvasRenderer | null {
    const context = canvas.getContext("2d");
    return context ? new CanvasRenderer(context) : null;
  }

  begin(size: number): void {
    this.#filled = new Table(size);
  }

  fill(from: number, rows: RowsToDraw): void {
    this.#filled.write(from, rows);
  }

  turn(): void {
    this.#shown = this.#filled;
  }

  write(from: number, rows: RowsToDraw): void {
    this.#shown.write(from, rows);
  }

  settle(): void {
    this.#shown.before.set(this.#shown.after);
  }

  setCodes(from: number, codes: Uint8Array): void {
    this.#shown.codes.set(codes, from);
  }

  setFlags(from: number, flags: Uint8Array): void {
    this.#shown.flags.set(flags, from);
  }

  setPalette(palette: Palette): void {
    this.#palette = palette;
  }

  draw(frame: Frame): void {
    const { context } = this;
    context.setTransform(frame.density, 0, 0, frame.density, 0, 0);
    context.clearRect(0, 0, frame.size.width, frame.size.height);
    const { lit } = frame;
    if (!lit) {
      this.#layer(frame, "all", frame.crowd, frame.radius);
    } else {
      this.#layer(frame, "dim", frame.crowd, frame.radius);
      this.#layer(frame, "lit", lit, litRadiusOf(frame.radius, lit.count));
    }
  }

  more(): void {
    // Nothing is left: of very many points only an even part is drawn at all.
  }

  #layer(frame: Frame, layer: Layer, crowd: Crowd, radius: number): void {
    const { context } = this;
    const { size, flags: marks, codes, born } = this.#shown;
    const every = Math.max(1, Math.ceil(size / MOST_DRAWN));
    const opacity = opacityOf(thinnedBy(crowd, every));
    for (let row = 0; row < size; row += every) {
      const flags = marks[row] as number;
      const isElsewhere = layer !== "all" && (layer === "lit") !== ((flags & LIT) !== 0);
      if ((flags & HIDDEN) !== 0 || isElsewhere) continue;
      const entry = (codes[row] as number) * 4;
      if ((this.#palette[entry + 3] as number) < 128) continue;
      const place = this.#place(row, frame);
      const age = Math.min(1, Math.max(0, (frame.now - (born[row] as number)) / APPEAR_MS));
      const [red, green, blue] = this.#palette.subarray(entry, entry + 3);
      const own: Colour = [red as number, green as number, blue as number];
      context.globalAlpha = opacity * age;
      context.fillStyle = css(layer === "dim" ? quieted(own, frame.ground) : own);
      context.beginPath();
      context.arc(place.x, place.y, radius, 0, 2 * Math.PI);
      context.fill();
    }
  }

  destroy(): void {
    this.begin(0);
    this.turn();
  }

  #place(row: number, frame: Frame): Place {
    const [x, y] = [2 * row, 2 * row + 1].map((i) => {
      const from = this.#shown.before[i] as number;
      return from + ((this.#shown.after[i] as number) - from) * frame.glide;
    });
    return toScreen(frame.view, frame.size, x as number, y as number);
  }
}

function widened<Column extends Float32Array | Uint8Array>(fresh: Column, old: Column): Column {
  fresh.set(old.subarray(0, fresh.length));
  return fresh;
}
