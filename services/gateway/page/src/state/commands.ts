// What is done to the system or to sources: whether something is under way, and what came of it.

import { RefusedError } from "../api/http.ts";

/** What became of a command. */
export interface Outcome {
  readonly isGood: boolean;
  readonly text: string;
}

/** What is said of a refusal, by its status; of others, what the gateway says. */
export type Refusals = Readonly<Record<number, string>>;

/** What of it is shown. */
export interface Told {
  readonly isBusy: boolean;
  readonly outcome: Outcome | null;
}

export class Commands {
  #underWay = 0;

  constructor(private readonly tell: (told: Told) => void) {}

  /** Do something and say what came of it; tells whether it worked, whatever else is done meanwhile. */
  async run(act: () => Promise<Outcome | null>, refusals: Refusals = {}): Promise<boolean> {
    this.#underWay += 1;
    this.tell({ isBusy: true, outcome: null });
    let isDone = true;
    let outcome: Outcome | null;
    try {
      outcome = await act();
    } catch (error) {
      const said = error instanceof RefusedError ? refusals[error.status] : undefined;
      outcome = { isGood: false, text: said ?? wordsOf(error) };
      isDone = false;
    }
    this.#underWay -= 1;
    this.tell({ isBusy: this.#underWay > 0, outcome });
    return isDone;
  }
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
