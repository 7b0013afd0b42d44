// The names of regions over the points: few, quiet, and none over another.

import type { Region } from "../api/schema.ts";
import { type Name, strengths } from "../data/regions.ts";
import type { Place, Size } from "../map/camera.ts";
import { nameOfRegion } from "../state/regions.ts";

interface Written {
  readonly region: Region;
  readonly node: HTMLElement;
  width: number;
  height: number;
}

/** Who knows where things of the map are seen. */
export interface Sight {
  readonly size: Size;
  /** Pixels for a unit of the map. */
  readonly scale: number;
  toScreen(place: Place): Place;
}

export class RegionNames {
  #written: Written[] = [];
  #regions: readonly Region[] = [];

  constructor(private readonly place: HTMLElement) {}

  /** Write other names, if they are others. */
  show(regions: readonly Region[]): void {
    const isSame =
      regions.length === this.#regions.length &&
      regions.every((one, i) => one === this.#regions[i]);
    if (isSame) return;
    this.#regions = regions;
    const nodes = regions.map((region) => {
      const node = document.createElement("span");
      node.textContent = nameOfRegion(region);
      node.dataset["region"] = String(region.region);
      return node;
    });
    this.place.replaceChildren(...nodes);
    this.#written = regions.map((region, i) => {
      const node = nodes[i] as HTMLElement;
      return { region, node, width: 0, height: 0 };
    });
  }

  /** Learn how large names are, once and all together: a picture is drawn many times. */
  #measure(): void {
    for (const one of this.#written) {
      one.width = one.node.offsetWidth;
      one.height = one.node.offsetHeight;
    }
  }

  /** Put the names where their regions are seen. */
  follow(sight: Sight): void {
    if (this.#written.length === 0) return;
    if (this.#written[0]?.width === 0) this.#measure(); // where nothing is seen, nothing has a size
    const names = this.#written.map(({ region, width, height }): Name => {
      const { x, y } = sight.toScreen(region);
      return { x, y, width, height, reach: region.spread * sight.scale };
    });
    strengths(names, sight.size).forEach((strength, i) => {
      const { node, width, height } = this.#written[i] as Written;
      const { x, y } = names[i] as Name;
      node.style.setProperty("opacity", strength.toFixed(2));
      node.toggleAttribute("data-seen", strength > 0);
      if (strength === 0) return;
      const left = Math.round(x - width / 2);
      const top = Math.round(y - height / 2);
      node.style.setProperty("transform", `translate(${left}px, ${top}px)`);
    });
  }
}
