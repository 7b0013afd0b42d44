// Which points are at a place: the nearest one, and how many are seen on one spot.

import { Grid } from "../data/grid.ts";
import type { Points } from "../data/points.ts";
import type { Place } from "./camera.ts";
import type { Looking } from "./looking.ts";

const REACH = 14;
const SPOT = 1.5;

export class Pointing {
  #points: Points | null = null;
  #grid: Grid | null = null;

  constructor(
    private readonly looking: Looking,
    private readonly isShown: (row: number) => boolean,
    /** Told when it is known where points stand. */
    private readonly known: () => void,
  ) {}

  /** How many points stand on a unit of area where most of them do; null: not known yet. */
  get perArea(): number | null {
    return this.#grid?.perArea ?? null;
  }

  /** Point at other points, from now on. */
  show(points: Points): void {
    this.#points = points;
    this.#grid = new Grid(points);
    void this.index();
  }

  /** Find out where points stand, and how close to each other. */
  async index(): Promise<void> {
    const grid = this.#grid;
    await grid?.rebuild();
    if (grid === this.#grid) this.known();
  }

  /** Return the point at a pixel; -1 if there is none near. */
  pick(x: number, y: number, reach = REACH): number {
    return this.#nearest(this.looking.toMap(x, y), reach / this.looking.view.scale);
  }

  /** Return the point nearest to the centre, however far. */
  central(): number {
    const { view, size } = this.looking;
    return this.#nearest(view, Math.max(size.width, size.height) / view.scale);
  }

  /** Count the points that are seen on the spot of one, itself among them. */
  countOn(row: number): number {
    if (!this.#points) return 1;
    const [x, y] = [this.#points.x[row] as number, this.#points.y[row] as number];
    return this.#grid?.count(x, y, SPOT / this.looking.view.scale, this.isShown) ?? 1;
  }

  #nearest(at: Place, radius: number): number {
    return this.#grid?.nearest(at.x, at.y, radius, this.isShown) ?? -1;
  }
}
