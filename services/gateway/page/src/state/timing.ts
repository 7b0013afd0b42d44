// Which times are shown: of the records themselves, or of their arrival.

import type { Points } from "../data/points.ts";
import { ARRIVAL, type Columns } from "./columns.ts";
import type { Painting } from "./painting.ts";
import type { Choice } from "./route.ts";
import type { Store } from "./store.ts";

export type Clock = Choice["of"];

const NO_TIMES: ArrayLike<number> = [];

export class Timing {
  constructor(
    private readonly store: Store,
    private readonly painting: Painting,
    private readonly columns: Columns,
    private readonly points: () => Points | null,
    private readonly changed: () => void,
  ) {}

  /** Return the times of all points by a clock, in milliseconds; NaN where there is none. */
  times(of: Clock): ArrayLike<number> {
    if (of === "record") return this.points()?.time ?? NO_TIMES;
    return this.columns.get(ARRIVAL)?.values ?? NO_TIMES;
  }

  /** Show or hide what chooses times; hidden, it leaves nothing out. */
  open(isOpen: boolean): void {
    this.store.set({ isTimeOpen: isOpen });
    if (!isOpen) this.choose(null);
  }

  /** Show only the points of some time. */
  choose(span: Choice | null): void {
    this.store.set({ span });
    this.apply();
    this.changed();
  }

  /** Look again at all points: others came, or more is known of them. */
  apply(): void {
    const { span } = this.store.state;
    const isOpen = span === null || (span.from === null && span.to === null);
    if (isOpen) {
      this.painting.within(null);
      return;
    }
    const { of, from, to } = span;
    const values = () => this.times(of);
    this.painting.within({ values, from: from ?? -Infinity, to: to ?? Infinity });
  }
}
