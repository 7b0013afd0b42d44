// What draws the points, whatever it draws with.

import type { Colour } from "../data/palettes.ts";
import type { Size, View } from "./camera.ts";
import type { Crowd } from "./density.ts";

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
  /** Of the points that are lit, while the others are dimmed; null: none is dimmed. */
  readonly lit: Crowd | null;
  /** What decides how strong the colours of points are. */
  readonly crowd: Crowd;
}

/** A palette: red, green, blue and whether it is seen at all, for each of 256 codes. */
export type Palette = Uint8Array<ArrayBuffer>;

/** Holds the points, and draws them. */
export interface Renderer {
  /** Told to those who test what draws. */
  readonly kind: "webgl" | "canvas";
  /** Make room for so many points, beside those that are shown. */
  begin(size: number): void;
  /** Write where rows from a number on were, are, and when they were born, into that room. */
  fill(from: number, rows: RowsToDraw): void;
  /** Whether what was filled last has not arrived: who goes on then waits for it, and for all drawing. */
  readonly isBusy: boolean;
  /** Show what was filled instead of what is shown. */
  turn(): void;
  /** Write the same of rows that are shown, or that come behind them. */
  write(from: number, rows: RowsToDraw): void;
  /** Take all points to where they are going. */
  settle(): void;
  /** Write the entries of rows from a number on. */
  setCodes(from: number, codes: Uint8Array): void;
  /** Write which points are lit, and which are not shown. */
  setFlags(from: number, flags: Uint8Array): void;
  setPalette(palette: Palette): void;
  /** Begin a picture; of more points than so many, only an even part is drawn. */
  draw(frame: Frame, atOnce: number): void;
  /** Whether a part of the points is not drawn yet. */
  readonly isPartial: boolean;
  /** Draw the next part. */
  more(): void;
  destroy(): void;
}

export interface RowsToDraw {
  readonly size: number;
  /** Interleaved x and y. */
  readonly before: Float32Array;
  readonly after: Float32Array;
  /** Milliseconds; far in the past for those that do not appear. */
  readonly born: Float32Array;
}

/** While others are lit a point is grey, and so near to the ground. */
export const QUIET = 0.74;
const LIT_SIZE = 1.3;
/** Few hits are as large as this at least, to be found in a large cloud. */
const FEW_LIT = 400;
const LEAST_FEW = 4.5;

export const EVER = -1e6;

/** Return the radius of a point: few are large, and all grow a little when one looks closer. */
export function radiusOf(count: number, zoom: number): number {
  const plain = 8.6 - 1.35 * Math.log10(Math.max(10, count));
  return Math.max(0.8, plain) * Math.min(2.2, Math.max(0.8, zoom) ** 0.28);
}

/** Return the radius of a point that is lit. */
export function litRadiusOf(radius: number, count: number): number {
  const larger = radius * LIT_SIZE;
  return count <= FEW_LIT ? Math.max(LEAST_FEW, larger) : larger;
}

/** Return the colour of a point while others are lit: grey, and close to the ground. */
export function quieted([red, green, blue]: Colour, ground: Colour): Colour {
  const grey = 0.3 * red + 0.59 * green + 0.11 * blue;
  const quiet = (part: number) => Math.round(grey + (part - grey) * QUIET);
  return [quiet(ground[0]), quiet(ground[1]), quiet(ground[2])];
}
