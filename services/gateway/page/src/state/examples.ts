// The example logs that come with the program, offered where there is no map yet.

import type { Client } from "../api/client.ts";
import type { ExampleRules } from "../api/schema.ts";
import type { Store } from "./store.ts";

export interface ExamplesState {
  /** What can be had; null: not known yet. */
  readonly rules: ExampleRules | null;
  readonly step: "offered" | "adding" | "added" | "refused";
  /** How many logs were taken. */
  readonly taken: number;
  /** Why they, or some of them, were not. */
  readonly detail: string;
}

export const NO_EXAMPLES: ExamplesState = { rules: null, step: "offered", taken: 0, detail: "" };

export class Examples {
  constructor(
    private readonly store: Store,
    private readonly client: Client,
  ) {}

  get #state(): ExamplesState {
    return this.store.state.examples;
  }

  /** Learn what can be had; once. */
  async look(): Promise<void> {
    if (this.#state.rules) return;
    try {
      this.#tell({ rules: await this.client.examples() });
    } catch {
      // They are offered when the gateway tells of them.
    }
  }

  /** Put them on the map that is looked at. */
  async add(): Promise<void> {
    const { collection } = this.store.state;
    if (!collection || this.#state.step === "adding") return;
    this.#tell({ step: "adding", taken: 0, detail: "" });
    try {
      const { files } = await this.client.addExamples(collection);
      if (this.store.state.collection !== collection) return;
      const refused = files.filter((one) => one.state === "refused");
      const detail = refused[0]?.reason ?? "";
      this.#tell({ step: "added", taken: files.length - refused.length, detail });
    } catch (error) {
      if (this.store.state.collection !== collection) return;
      const detail = error instanceof Error ? error.message : String(error);
      this.#tell({ step: "refused", detail });
    }
  }

  /** Offer them anew: another map is looked at. */
  leave(): void {
    this.#tell({ ...NO_EXAMPLES, rules: this.#state.rules });
  }

  #tell(change: Partial<ExamplesState>): void {
    this.store.set({ examples: { ...this.#state, ...change } });
  }
}
