// Draws the points where there is no WebGL 2: slower, and of very many only a part.

import { css } from "../data/palettes.ts";
import { type Place, toScreen } from "./camera.ts";
import { APPEAR_MS } from "./motion.ts";
import { type Frame, opacityOf, type Palette, type Renderer, type RowsToDraw } from "./renderer.ts";

/** More points than this are thinned out, evenly. */
export const MOST_DRAWN = 50_000;

export class CanvasRenderer implements Renderer {
  readonly kind = "canvas";
  #before = new Float32Array(0);
  #after = new Float32Array(0);
  #codes = new Uint8Array(0);
  #born = new Float32Array(0);
  #palette: Palette = new Uint8Array(1024);
  #size = 0;

  private constructor(private readonly context: CanvasRenderingContext2D) {}

  static on(canvas: HTMLCanvasElement): CanvasRenderer | null {
    const context = canvas.getContext("2d");
    return context ? new CanvasRenderer(context) : null;
  }

  reset(size: number): void {
    this.#size = 0;
    this.#room(Math.max(1024, size));
  }

  write(from: number, rows: RowsToDraw): void {
    if (from + rows.size > this.#codes.length) this.#room((from + rows.size) * 2);
    this.#before.set(rows.before, from * 2);
    this.#after.set(rows.after, from * 2);
    this.#codes.set(rows.codes, from);
    this.#born.set(rows.born, from);
    this.#size = Math.max(this.#size, from + rows.size);
  }

  settle(): void {
    this.#before.set(this.#after);
  }

  setCodes(codes: Uint8Array): void {
    this.#codes.set(codes.subarray(0, this.#size));
  }

  setPalette(palette: Palette): void {
    this.#palette = palette;
  }

  draw(frame: Frame): void {
    const { context } = this;
    context.setTransform(frame.density, 0, 0, frame.density, 0, 0);
    context.clearRect(0, 0, frame.size.width, frame.size.height);
    const every = Math.max(1, Math.ceil(this.#size / MOST_DRAWN));
    const opacity = opacityOf(this.#size / every);
    for (let row = 0; row < this.#size; row += every) {
      const entry = (this.#codes[row] as number) * 4;
      if ((this.#palette[entry + 3] as number) < 128) continue;
      const place = this.#place(row, frame);
      const age = Math.min(1, Math.max(0, (frame.now - (this.#born[row] as number)) / APPEAR_MS));
      const [red, green, blue] = this.#palette.subarray(entry, entry + 3);
      context.globalAlpha = opacity * age;
      context.fillStyle = css([red as number, green as number, blue as number]);
      context.beginPath();
      context.arc(place.x, place.y, frame.radius, 0, 2 * Math.PI);
      context.fill();
    }
  }

  destroy(): void {
    this.reset(0);
  }

  #place(row: number, frame: Frame): Place {
    const [x, y] = [2 * row, 2 * row + 1].map((i) => {
      const from = this.#before[i] as number;
      return from + ((this.#after[i] as number) - from) * frame.glide;
    });
    return toScreen(frame.view, frame.size, x as number, y as number);
  }

  #room(size: number): void {
    this.#before = widened(new Float32Array(size * 2), this.#before);
    this.#after = widened(new Float32Array(size * 2), this.#after);
    this.#codes = widened(new Uint8Array(size), this.#codes);
    this.#born = widened(new Float32Array(size), this.#born);
  }
}

function widened<Column extends Float32Array | Uint8Array>(fresh: Column, old: Column): Column {
  fresh.set(old.subarray(0, fresh.length));
  return fresh;
}
