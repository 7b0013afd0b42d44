// What draws the points, whatever it draws with.

import type { Colour } from "../data/palettes.ts";
import type { Size, View } from "./camera.ts";

/** How one picture is drawn. */
export interface Frame {
  readonly view: View;
  readonly size: Size;
  /** Pixels of the device per pixel of the page. */
  readonly density: number;
  /** Of the way from where points were to where they are, from 0 to 1. */
  readonly glide: number;
  /** Milliseconds, on the clock by which points were born. */
  readonly now: number;
  /** Radius of a point, in pixels of the page. */
  readonly radius: number;
  readonly ground: Colour;
}

/** A palette: red, green, blue and whether it is seen at all, for each of 256 codes. */
export type Palette = Uint8Array<ArrayBuffer>;

/** Holds the points, and draws them. */
export interface Renderer {
  /** Told to those who test what draws. */
  readonly kind: "webgl" | "canvas";
  /** Make room for so many points, and forget those that there were. */
  reset(size: number): void;
  /** Write where rows from a number on were, are, their codes, and when they were born. */
  write(from: number, rows: RowsToDraw): void;
  /** Take all points to where they are going. */
  settle(): void;
  setCodes(codes: Uint8Array): void;
  setPalette(palette: Palette): void;
  draw(frame: Frame): void;
  destroy(): void;
}

export interface RowsToDraw {
  readonly size: number;
  /** Interleaved x and y. */
  readonly before: Float32Array;
  readonly after: Float32Array;
  readonly codes: Uint8Array;
  /** Milliseconds; far in the past for those that do not appear. */
  readonly born: Float32Array;
}

export const EVER = -1e6;

/** Return the radius of a point: few are large, and all grow a little when one looks closer. */
export function radiusOf(count: number, zoom: number): number {
  const plain = 8.6 - 1.35 * Math.log10(Math.max(10, count));
  return Math.max(0.8, plain) * Math.min(2.2, Math.max(0.8, zoom) ** 0.28);
}

/** Return how dense a point's colour is: where many lie on each other, less. */
export function opacityOf(count: number): number {
  return Math.min(0.92, Math.max(0.45, 1.25 - 0.14 * Math.log10(Math.max(1, count))));
}
