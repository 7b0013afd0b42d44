// The regions that the gateway tells of, as long as the map is the one that they were found on.

import type { Client } from "../api/client.ts";
import type { Region, Regions as Told } from "../api/schema.ts";
import type { Points } from "../data/points.ts";
import { rowsOfRegion } from "../data/regions.ts";
import { Notice } from "./notice.ts";
import { keep, prefersNames } from "./preferences.ts";
import type { Store } from "./store.ts";

export class Regions {
  #asking: Promise<void> | null = null;
  #isOld = false;
  readonly #notice: Notice<"regionNews">;

  constructor(
    private readonly store: Store,
    private readonly client: Client,
  ) {
    store.set({ areNamesShown: prefersNames() });
    this.#notice = new Notice(store, { regionNews: null });
  }

  /** Those with a name, of the map that is shown; the largest first. */
  get named(): readonly Region[] {
    const { regions, model } = this.store.state;
    if (!regions || regions.model_version !== model) return [];
    return regions.regions.filter((one) => one.words.length > 0);
  }

  /** Ask for the newest ones; who is asking already asks once more. */
  refresh(): Promise<void> {
    this.#isOld = true;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  leave(): void {
    this.store.set({ regions: null, regionNews: null });
  }

  showNames(areNamesShown: boolean): void {
    this.store.set({ areNamesShown });
    keep({ areNamesShown });
  }

  /** Return the rows of a region, whatever its name; none if there is no such region now. */
  async rowsOf(
    points: Points,
    number: number,
    holds: (row: number) => boolean,
  ): Promise<Uint32Array> {
    if (!this.store.state.regions) await this.refresh();
    const regions = this.store.state.regions?.regions ?? [];
    return rowsOfRegion(points, regions, number, holds, breath);
  }

  async #ask(): Promise<void> {
    while (this.#isOld) {
      this.#isOld = false;
      const { collection } = this.store.state;
      if (!collection) return;
      try {
        const regions: Told = await this.client.regions(collection);
        if (this.store.state.collection !== collection) continue; // of another one by now
        const before = this.store.state.regions;
        this.store.set({ regions });
        if (areOthers(before, regions)) this.#notice.tell({ regionNews: regions.regions.length });
      } catch {
        // The map says more than its names; they come with the next event.
      }
    }
  }
}

/** Whether regions came or went: whoever looked at them has to hear of it. */
export function areOthers(before: Told | null, now: Told): boolean {
  if (!before || before.regions.length === 0) return false;
  const numbers = ({ regions }: Told) => regions.map((one) => one.region).sort((a, b) => a - b);
  return numbers(before).join() !== numbers(now).join();
}

/** Name a region. */
export function nameOfRegion(region: Region | undefined): string {
  return region?.words.join(" · ") ?? "";
}

/** Let the browser do what else it has to. */
function breath(): Promise<void> {
  return new Promise((done) => setTimeout(done, 0));
}
