// The regions of a map: which points belong to one, and which of their names have room.

import type { Region } from "../api/schema.ts";
import type { Points } from "./points.ts";

/** Rows that are looked at before the browser gets its turn. */
const SLICE_MS = 20;
const CHECK_ROWS = 8192;

/** Return the rows of a region for which something holds: its centre is the nearest one. */
export async function rowsOfRegion(
  points: Points,
  regions: readonly Region[],
  number: number,
  holds: (row: number) => boolean,
  breath: () => Promise<void>,
): Promise<Uint32Array> {
  const places = regions.flatMap((one) => one.centres);
  const centres: Centres = {
    x: Float64Array.from(places, ({ x }) => x),
    y: Float64Array.from(places, ({ y }) => y),
    isIn: regions.flatMap((one) => one.centres.map(() => one.region === number)),
  };
  const found = new Uint32Array(points.size);
  let count = 0;
  let began = performance.now();
  for (let row = 0; row < found.length; row += 1) {
    if (row % CHECK_ROWS === 0 && performance.now() - began > SLICE_MS) {
      await breath();
      began = performance.now();
    }
    if (isIn(points.x[row] as number, points.y[row] as number, centres) && holds(row)) {
      found[count] = row;
      count += 1;
    }
  }
  return found.slice(0, count);
}

/** As columns: a million points are compared with each. */
interface Centres {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly isIn: readonly boolean[];
}

function isIn(x: number, y: number, centres: Centres): boolean {
  let least = Infinity;
  let nearest = -1;
  for (let i = 0; i < centres.x.length; i += 1) {
    const far = ((centres.x[i] as number) - x) ** 2 + ((centres.y[i] as number) - y) ** 2;
    if (far < least) {
      least = far;
      nearest = i;
    }
  }
  return centres.isIn[nearest] ?? false;
}

/** A name on the map: its middle, its size in pixels, and how far its region reaches there. */
export interface Name {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly reach: number;
}

const GAP = 6;
/** A region is named while half of its points are within so many pixels, or this share of the map. */
const LEAST_REACH = 5;
const MOST_REACH = 0.5;
const GONE_REACH = 1;

/** Return how strongly each name is seen, from 0 to 1: none lies over one before it. */
export function strengths(
  names: readonly Name[],
  size: { readonly width: number; readonly height: number },
): readonly number[] {
  const placed: Name[] = [];
  const extent = Math.min(size.width, size.height);
  return names.map((one) => {
    const strength = fade(one.reach, extent);
    const fits =
      one.x - one.width / 2 >= 0 &&
      one.x + one.width / 2 <= size.width &&
      one.y - one.height / 2 >= 0 &&
      one.y + one.height / 2 <= size.height;
    if (strength === 0 || !fits || placed.some((other) => isOver(one, other))) return 0;
    placed.push(one);
    return strength;
  });
}

/** Who looks into a region closely knows where he is; its name goes softly. */
function fade(reach: number, extent: number): number {
  if (reach < LEAST_REACH) return 0;
  const share = (reach / extent - MOST_REACH) / (GONE_REACH - MOST_REACH);
  return Math.min(1, Math.max(0, 1 - share));
}

function isOver(one: Name, other: Name): boolean {
  return (
    Math.abs(one.x - other.x) < (one.width + other.width) / 2 + GAP &&
    Math.abs(one.y - other.y) < (one.height + other.height) / 2 + GAP
  );
}
