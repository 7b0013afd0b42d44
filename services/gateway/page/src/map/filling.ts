// What is put on the graphics card: points in short slices, and the colours of a legend.

import type { Coding } from "../data/coding.ts";
import type { Theme } from "../data/palettes.ts";
import type { Origins, Points } from "../data/points.ts";
import { Slices } from "../data/slices.ts";
import type { Palette, Renderer } from "./renderer.ts";
import { rowsToDraw } from "./rows_to_draw.ts";

const SOME = 16_384;
const PAUSE_MS = 4;
const CODES = 256;

/** Put points beside those that are shown; whoever hands over more than can be taken stands still. */
export async function filled(
  renderer: Renderer,
  points: Points,
  origins: Origins | null,
): Promise<void> {
  const slices = new Slices();
  const now = performance.now();
  renderer.begin(points.size);
  for (let from = 0; from < points.size; from += SOME) {
    const to = Math.min(from + SOME, points.size);
    renderer.fill(from, rowsToDraw(points, from, to, origins, now));
    await slices.rest;
    while (renderer.isBusy) await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}

/** Return the colours of all entries; what is hidden has none. */
export function paletteOf(coding: Coding, hidden: ReadonlySet<number>, theme: Theme): Palette {
  const palette: Palette = new Uint8Array(4 * CODES);
  for (let code = 0; code < CODES; code += 1) {
    palette.set(coding.colour(code, theme), code * 4);
    palette[code * 4 + 3] = hidden.has(code) ? 0 : 255;
  }
  return palette;
}
