// What the colours of the map mean: every point has the number of an entry of the legend.

import { type Extra, NONE } from "./extra.ts";
import type { Labels } from "./labels.ts";
import { type Colour, kindColour, rampColour, type Theme, unknownColour } from "./palettes.ts";
import type { Points } from "./points.ts";
import { isStepIn } from "./rows_of_tables.ts";
import { rangeOf, type Scale, scaleOfNumbers, scaleOfTimes } from "./scales.ts";

/** What every point has. */
export const FIELDS = ["type", "source", "step", "time"] as const;
/** What the colours mean: one of these, or another column, with '@' before its name. */
export type Field = (typeof FIELDS)[number] | `@${string}`;

/** Whether something is called as a field is. */
export function isField(name: string): name is Field {
  return name.startsWith("@") || FIELDS.some((one) => one === name);
}

/** Entries of a legend: more kinds than this share the last one. */
export const MOST_ENTRIES = 255;
const OTHERS = MOST_ENTRIES - 1;

/** What the numbers of a range are. */
export type Unit = "whole" | "number" | "time";

/** What an entry of the legend stands for. */
export type Meaning =
  | { readonly kind: "word"; readonly word: string }
  | { readonly kind: "range"; readonly from: number; readonly to: number; readonly unit: Unit }
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

/** Where the values of a field are; columns grow, so they are asked for each time. */
type Values =
  | { readonly kind: "words"; readonly labels: Labels; codes(): ArrayLike<number> }
  | { readonly kind: "numbers"; readonly unit: Unit; values(): ArrayLike<number>; holds?(): Holds };
/** Says of which points a number is one. */
type Holds = (row: number) => boolean;

/** Keeps the codes of all points for one field, and counts them. */
export class Coding {
  codes = new Uint8Array(1024);
  #counts = new Uint32Array(256);
  #coded = 0;
  #scale: Scale | null = null;
  #values: Values;

  constructor(
    private readonly points: Points,
    readonly field: Field,
    extra: Extra | null = null,
  ) {
    this.#values = valuesOf(points, field, extra);
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
    const codeOf = this.#coder();
    for (let row = this.#coded; row < points.size; row += 1) {
      const code = codeOf(row);
      if (code < 0) {
        this.recode();
        return true;
      }
      this.codes[row] = code;
      this.#counts[code] = (this.#counts[code] as number) + 1;
    }
    this.#coded = points.size;
    if (this.#values.kind === "words") this.#values.labels.rank(this.#counts);
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

  /** Return the share of all points that is left without some codes. */
  shareWithout(hidden: ReadonlySet<number>): number {
    const all = this.#counts.reduce((sum, count) => sum + count, 0);
    const gone = [...hidden].reduce((sum, code) => sum + (this.#counts[code] as number), 0);
    return all > 0 ? (all - gone) / all : 1;
  }

  /** Return the colour of a code. */
  colour(code: number, theme: Theme): Colour {
    if (code >= OTHERS) return unknownColour(theme);
    const found = this.#values;
    if (found.kind === "words") return kindColour(theme, found.labels.ranks[code] ?? OTHERS);
    if (!this.#scale) return unknownColour(theme);
    return rampColour(theme, this.#scale.count < 2 ? 0.5 : code / (this.#scale.count - 1));
  }

  #coder(): (row: number) => number {
    const found = this.#values;
    if (found.kind === "words") {
      const codes = found.codes();
      return (row) => {
        const code = codes[row] ?? NONE;
        return code === NONE ? MOST_ENTRIES : Math.min(code, OTHERS);
      };
    }
    const values = found.values();
    const scale = this.#scale;
    const holds = found.holds?.() ?? always;
    return (row) => {
      const value = values[row] ?? Number.NaN;
      if (Number.isNaN(value) || !holds(row)) return MOST_ENTRIES;
      return scale ? rangeOf(scale, value) : -1;
    };
  }

  #newScale(): Scale | null {
    const found = this.#values;
    if (found.kind === "words") return null;
    const values = found.values();
    const holds = found.holds?.() ?? always;
    let least = Infinity;
    let most = -Infinity;
    for (let row = 0; row < this.points.size; row += 1) {
      if (!holds(row)) continue;
      const value = values[row] ?? Number.NaN;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    if (least > most) return { first: 0, width: 1, count: 1 };
    if (found.unit === "time") return scaleOfTimes(least, most);
    return scaleOfNumbers(least, most, found.unit === "whole");
  }

  #meaning(code: number): { key: string; meaning: Meaning } {
    if (code === MOST_ENTRIES) return { key: "?", meaning: { kind: "unknown" } };
    const found = this.#values;
    if (found.kind === "numbers" && this.#scale) {
      const from = this.#scale.first + code * this.#scale.width;
      const to = from + this.#scale.width;
      const { unit } = found;
      return { key: `${from}-${to}`, meaning: { kind: "range", from, to, unit } };
    }
    if (code === OTHERS || found.kind !== "words") return { key: "*", meaning: { kind: "others" } };
    const word = found.labels.words[code] as string;
    return { key: `=${word}`, meaning: { kind: "word", word } };
  }
}

function valuesOf(points: Points, field: Field, extra: Extra | null): Values {
  if (field === "source") {
    return { kind: "words", labels: points.sources, codes: () => points.source };
  }
  if (field === "step") {
    const [values, holds] = [() => points.step, () => isStepIn(points)];
    return { kind: "numbers", unit: "whole", values, holds };
  }
  if (field === "time") return { kind: "numbers", unit: "time", values: () => points.time };
  if (field === "type") return { kind: "words", labels: points.types, codes: () => points.type };
  if (!extra || extra.kind === "word") {
    const labels = extra?.labels ?? points.types;
    return { kind: "words", labels, codes: () => extra?.words ?? [] };
  }
  const unit = extra.kind === "time" ? "time" : isWhole(extra.values) ? "whole" : "number";
  return { kind: "numbers", unit, values: () => extra.values };
}

function isWhole(values: Float64Array): boolean {
  return values.every((one) => Number.isNaN(one) || Number.isInteger(one));
}

function always(): boolean {
  return true;
}
