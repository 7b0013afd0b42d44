// The one store: what the page shows follows from its state, and nothing else.

import type { ReactiveController, ReactiveControllerHost } from "lit";
import { type AppState, FIRST_STATE } from "./app_state.ts";

export class Store {
  #state: AppState = FIRST_STATE;
  #listeners = new Set<() => void>();

  get state(): AppState {
    return this.#state;
  }

  /** Change some of it, and tell everybody. */
  set(change: Partial<AppState>): void {
    this.#state = { ...this.#state, ...change };
    for (const tell of this.#listeners) tell();
  }

  /** Be told of every change; returns how to stop that. */
  subscribe(tell: () => void): () => void {
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }
}

/** Draws an element anew when the state changes. */
export class Watching implements ReactiveController {
  #stop: (() => void) | null = null;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly store: Store,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.#stop = this.store.subscribe(() => this.host.requestUpdate());
  }

  hostDisconnected(): void {
    this.#stop?.();
  }
}
