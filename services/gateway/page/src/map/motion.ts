// How what moves on the map begins and ends.

export const GLIDE_MS = 1600;
export const APPEAR_MS = 900;
export const FLIGHT_MS = 450;

/** Begin and end softly. */
export function eased(share: number): number {
  return share < 0.5 ? 4 * share ** 3 : 1 - (-2 * share + 2) ** 3 / 2;
}

/** Something that goes on from 0 to 1. */
export class Course {
  #start: number | null = null;

  constructor(private readonly lasts: number) {}

  begin(now: number): void {
    this.#start = now;
  }

  end(): void {
    this.#start = null;
  }

  isRunning(now: number): boolean {
    return this.#start !== null && now - this.#start < this.lasts;
  }

  share(now: number): number {
    if (this.#start === null) return 1;
    return Math.min(1, Math.max(0, (now - this.#start) / this.lasts));
  }
}

/** Whether the reader wants things to stand still. */
export function wantsStillness(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Return where a point is on its way from where it stood before, if it did, to its place. */
export function onTheWay(
  before: Float32Array | undefined,
  row: number,
  x: number,
  y: number,
  share: number,
): { x: number; y: number } {
  if (!before || 2 * row + 1 >= before.length) return { x, y };
  const [fromX, fromY] = [before[2 * row] as number, before[2 * row + 1] as number];
  return { x: fromX + (x - fromX) * share, y: fromY + (y - fromY) * share };
}
