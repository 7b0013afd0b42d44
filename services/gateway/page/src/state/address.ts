// Keeps the address of the page as what is seen, but not faster than browsers let it.

import { type Route, writeRoute } from "./route.ts";

const PAUSE_MS = 200;

export class Address {
  #isOld = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** What it has to say; nothing while it is itself what is followed. */
  constructor(private readonly route: () => Route | null) {}

  /** Be told that there is something else to say: the first is said at once, the last for sure. */
  changed(): void {
    if (this.#timer !== null) {
      this.#isOld = true;
      return;
    }
    this.#isOld = false;
    this.#write();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#isOld) this.changed();
    }, PAUSE_MS);
  }

  #write(): void {
    const route = this.route();
    const hash = route ? writeRoute(route) : location.hash;
    if (location.hash !== hash) history.replaceState(null, "", hash);
  }
}
