// Rings around the points that matter just now, and the way through the run.

import type { Place } from "../map/camera.ts";

export interface Marked {
  readonly hovered: Place | null;
  readonly opened: Place | null;
  readonly previous: Place | null;
  readonly next: Place | null;
}

export class Overlay {
  constructor(private readonly svg: SVGSVGElement) {}

  place({ hovered, opened, previous, next }: Marked): void {
    this.#ring(".hovered-halo", hovered);
    this.#ring(".opened-halo", opened);
    const neighbours = this.svg.querySelectorAll(".neighbour");
    move(neighbours[0], opened && previous);
    move(neighbours[1], opened && next);
    const way = opened ? [previous, opened, next].filter((one) => one !== null) : [];
    const line = way.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    this.svg.querySelector(".path")?.setAttribute("points", line);
  }

  /** Show the line that is drawn around something, and what was selected before. */
  outline(name: "drawn" | "selected", corners: readonly Place[]): void {
    const line = corners.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    this.svg.querySelector(`.${name}`)?.setAttribute("points", line);
  }

  #ring(name: string, place: Place | null): void {
    move(this.svg.querySelector(name), place);
  }
}

function move(ring: Element | null | undefined, place: Place | null): void {
  if (!ring) return;
  ring.classList.toggle("seen", place !== null);
  if (!place) return;
  ring.setAttribute("cx", place.x.toFixed(1));
  ring.setAttribute("cy", place.y.toFixed(1));
}
