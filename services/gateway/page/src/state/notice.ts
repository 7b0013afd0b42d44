// Says something for a while.

import type { AppState } from "./app_state.ts";
import type { Store } from "./store.ts";

const SHOWN_MS = 14_000;

export class Notice<Name extends keyof AppState> {
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly store: Store,
    /** What there is while nothing is said. */
    private readonly nothing: Pick<AppState, Name>,
  ) {}

  tell(said: Pick<AppState, Name>): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.store.set(said);
    this.#timer = setTimeout(() => this.store.set(this.nothing), SHOWN_MS);
  }
}
