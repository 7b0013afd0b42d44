// What the colours of the map mean: every point has the number of an entry of the legend.

import { type Colour, kindColour, rampColour, type Theme, unknownColour } from "./palettes.ts";
import type { Points } from "./points.ts";
import { rangeOf, type Scale, scaleOfNumbers, scaleOfTimes } from "./scales.ts";

export const FIELDS = ["type", "source", "step", "time"] as const;
export type Field = (typeof FIELDS)[number];

/** Entries of a legend: more kinds than this share the last one. */
export const MOST_ENTRIES = 255;
const OTHERS = MOST_ENTRIES - 1;

/** What an entry of the legend stands for. */
export type Meaning =
  | { readonly kind: "word"; readonly word: string }
  | { readonly kind: "range"; readonly from: number; readonly to: number }
  | { readonly kind: "others" }
  | { readonly kind: "unknown" };

/** An entry of the legend. */
export interface Entry {
  readonly code: number;
  /** Says which entry it is, also when the entries were numbered anew. */
  readonly key: string;
  readonly meaning: Meaning;
  readonly count: number;
}

/** Keeps the codes of all points for one field, and counts them. */
export class Coding {
  codes = new Uint8Array(1024);
  #counts = new Uint32Array(256);
  #coded = 0;
  #scale: Scale | null = null;

  constructor(
    private readonly points: Points,
    readonly field: Field,
  ) {
    this.recode();
  }

  /** Code every point anew. */
  recode(): void {
    this.#counts.fill(0);
    this.#coded = 0;
    this.#scale = this.#newScale();
    this.update();
  }

  /** Code the points that came; returns whether old ones have another code now. */
  update(): boolean {
    const { points } = this;
    if (points.size > this.codes.length) {
      const codes = new Uint8Array(Math.max(points.size, this.codes.length * 2));
      codes.set(this.codes);
      this.codes = codes;
    }
    for (let row = this.#coded; row < points.size; row += 1) {
      const code = this.#codeOf(row);
      if (code < 0) {
        this.recode();
        return true;
      }
      this.codes[row] = code;
      this.#counts[code] = (this.#counts[code] as number) + 1;
    }
    this.#coded = points.size;
    return false;
  }

  /** List the entries that have points, words by how many they have, ranges in order. */
  entries(): Entry[] {
    const found: Entry[] = [];
    for (let code = 0; code < 256; code += 1) {
      const count = this.#counts[code] as number;
      if (count > 0) found.push({ code, count, ...this.#meaning(code) });
    }
    const isOrdered = this.#scale !== null;
    return isOrdered ? found : found.sort((a, b) => b.count - a.count);
  }

  /** Return the colour of a code. */
  colour(code: number, theme: Theme): Colour {
    if (code >= OTHERS) return unknownColour(theme);
    if (!this.#scale) return kindColour(theme, code);
    return rampColour(theme, this.#scale.count < 2 ? 0.5 : code / (this.#scale.count - 1));
  }

  #codeOf(row: number): number {
    const { points } = this;
    if (this.field === "type") return Math.min(points.type[row] as number, OTHERS);
    if (this.field === "source") return Math.min(points.source[row] as number, OTHERS);
    const value = (this.field === "step" ? points.step[row] : points.time[row]) as number;
    if (Number.isNaN(value)) return MOST_ENTRIES;
    return this.#scale ? rangeOf(this.#scale, value) : -1;
  }

  #newScale(): Scale | null {
    if (this.field !== "step" && this.field !== "time") return null;
    const values = this.field === "step" ? this.points.step : this.points.time;
    let least = Infinity;
    let most = -Infinity;
    for (let row = 0; row < this.points.size; row += 1) {
      const value = values[row] as number;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    if (least > most) return { first: 0, width: 1, count: 1 };
    return this.field === "step" ? scaleOfNumbers(least, most) : scaleOfTimes(least, most);
  }

  #meaning(code: number): { key: string; meaning: Meaning } {
    if (code === MOST_ENTRIES) return { key: "?", meaning: { kind: "unknown" } };
    if (this.#scale) {
      const from = this.#scale.first + code * this.#scale.width;
      const to = from + this.#scale.width;
      return { key: `${from}-${to}`, meaning: { kind: "range", from, to } };
    }
    if (code === OTHERS) return { key: "*", meaning: { kind: "others" } };
    const labels = this.field === "type" ? this.points.types : this.points.sources;
    const word = labels.words[code] as string;
    return { key: `=${word}`, meaning: { kind: "word", word } };
  }
}
