// How strong the colour of a point is: where many lie on each other, each is fainter.

/** By itself as many as lie on each other; never; or always faint. */
export const DENSITIES = ["auto", "even", "dense"] as const;
export type Density = (typeof DENSITIES)[number];

/** Of the ground that a pile of points leaves to be seen, by itself. */
const LEFT = 0.08;
const FAINTEST = 0.08;
/** Of a point's edge, which is soft: so much of it covers, in pixels. */
const EDGE = 0.5;

/** What decides how strong points are. */
export interface Crowd {
  /** How many are drawn. */
  readonly count: number;
  /** How many lie where a point of the middle lies; null: not known yet. */
  readonly piled: number | null;
  readonly density: Density;
}

/** Say how many points lie on each other, if so many stand on each unit of area. */
export function piledOf(perArea: number, radius: number, scale: number): number {
  return perArea * Math.PI * ((radius + EDGE) / scale) ** 2;
}

/** Return how strong the colour of one point is. */
export function opacityOf({ count, piled, density }: Crowd): number {
  const many = Math.log10(Math.max(1, count));
  if (density === "dense") return Math.min(0.4, Math.max(0.05, 1.1 - 0.22 * many));
  if (density === "auto" && piled !== null) {
    return Math.max(FAINTEST, 1 - LEFT ** (1 / Math.max(1, piled)));
  }
  return Math.min(0.92, Math.max(0.45, 1.25 - 0.14 * many));
}

/** Return the same, if only every so-manieth of them is drawn. */
export function thinnedBy(crowd: Crowd, every: number): Crowd {
  const piled = crowd.piled === null ? null : crowd.piled / every;
  return { ...crowd, count: crowd.count / every, piled };
}
