// How many points are drawn at a time: as many as this machine draws while nobody notices.

const FIRST = 120_000;
const LEAST = 30_000;
const MOST = 1e9;
const SLOW_MS = 70;
const QUICK_MS = 34;
/** A part is every n-th point, and WebGL steps over at most 255 bytes: 31 points of 8. */
export const MOST_PARTS = 31;

/** Learns from how long pictures take that follow each other. */
export class Pace {
  /** How many points may be drawn at a time. */
  atOnce = FIRST;
  #last: number | null = null;

  /** Something is about to be drawn. */
  begin(now: number): void {
    if (this.#last !== null) {
      const took = now - this.#last;
      if (took > SLOW_MS) this.atOnce = Math.max(LEAST, this.atOnce / 2);
      else if (took < QUICK_MS) this.atOnce = Math.min(MOST, this.atOnce * 2);
    }
    this.#last = now;
  }

  /** Nothing follows: the time until the next picture says nothing. */
  rest(): void {
    this.#last = null;
  }
}

/** All points, those that are not lit, those that are. */
export type Layer = "all" | "dim" | "lit";

/** What is drawn at a time: every n-th point from a number on, of some layer. */
export type Step = readonly { readonly part: number; readonly layer: Layer }[];

/** In how many parts so many points are drawn, if one may have so many. */
export function partsOf(points: number, atOnce: number): number {
  return Math.min(MOST_PARTS, Math.max(1, Math.ceil(points / atOnce)));
}

/** Say what is drawn after what; the first step has something of everything, the lit come last. */
export function stepsOf(parts: number, isLighting: boolean): Step[] {
  const all = Array.from({ length: parts }, (_, part) => part);
  if (!isLighting) return all.map((part) => [{ part, layer: "all" }]);
  const both: Step = [
    { part: 0, layer: "dim" },
    { part: 0, layer: "lit" },
  ];
  if (parts === 1) return [both];
  const dim = all.slice(1).map((part): Step => [{ part, layer: "dim" }]);
  return [both, ...dim, ...all.map((part): Step => [{ part, layer: "lit" }])];
}
