// The running system: what its parts tell, and the commands that change it.

import { AwayError } from "../api/http.ts";
import type {
  CollectionRecord,
  Health,
  LetterList,
  ModelPage,
  Movement,
  Recomputed,
  Settled,
  Sources,
  WholeLetter,
} from "../api/schema.ts";
import type { Letters, SystemClient } from "../api/system_client.ts";
import { Lag, type Waiting } from "../data/queues.ts";
import { type Rate, ratesOf } from "../data/rates.ts";
import { Commands, type Outcome, wordsOf } from "./commands.ts";
import { Polling } from "./polling.ts";
import type { Store } from "./store.ts";

const PAUSE_MS = 2000;
export const LETTERS = 50;
const MODELS = 30;
/** What is less than this share is shown as 0 %. */
const LEAST_SHARE = 0.0005;

/** Something that is asked before it is done. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly isGrave: boolean;
  act(): void;
}

/** What is known of the system. */
export interface SystemState {
  readonly health: Health | null;
  readonly rates: Readonly<Record<string, Rate>>;
  /** What waits for each stage; nothing while that is not known. */
  readonly waiting: Readonly<Record<string, Waiting>>;
  readonly sources: Sources | null;
  readonly letters: LetterList | null;
  readonly letter: WholeLetter | null;
  readonly models: ModelPage | null;
  readonly kept: readonly CollectionRecord[];
  /** What a refit would bring. */
  readonly preview: Recomputed | null;
  readonly question: Question | null;
  readonly outcome: Outcome | null;
  readonly isBusy: boolean;
  /** Why something of it is missing. */
  readonly trouble: string | null;
}

export const NO_SYSTEM: SystemState = {
  health: null,
  rates: {},
  waiting: {},
  sources: null,
  letters: null,
  letter: null,
  models: null,
  kept: [],
  preview: null,
  question: null,
  outcome: null,
  isBusy: false,
  trouble: null,
};

export class System {
  readonly #polling = new Polling(
    () => this.look(),
    () => PAUSE_MS,
  );
  /** Counts the looks: what an older one learns is not told after a newer one. */
  #looks = 0;
  #newest: Promise<void> = Promise.resolve();
  readonly #commands = new Commands((told) => this.#tell(told));
  /** The dead letter that somebody wants to see. */
  #wanted: number | null = null;
  #lag = new Lag();
  #before: { readonly at: number; readonly health: Health } | null = null;

  constructor(
    private readonly store: Store,
    readonly client: SystemClient,
    /** Has the list of maps read again. */
    private readonly relist: () => Promise<void>,
  ) {}

  get mayOperate(): boolean {
    return this.store.state.session?.role === "operate";
  }

  /** Look at it again and again while it is shown. */
  open(): void {
    this.#polling.open();
  }

  close(): void {
    this.#polling.close();
    this.#tell({ preview: null, letter: null, outcome: null, question: null });
  }

  /** Nothing of it is about another collection: what could be done with it would be done to that. */
  leave(): void {
    this.#looks += 1;
    this.#newest = Promise.resolve();
    this.#wanted = null;
    this.#lag = new Lag();
    this.#before = null;
    const { health, kept, outcome, isBusy } = this.store.state.system;
    this.store.set({ system: { ...NO_SYSTEM, health, kept, outcome, isBusy } });
    if (this.#polling.isOpen) queueMicrotask(() => void this.look());
  }

  /** Look at everything now; ends when that is told, or what a newer look finds. */
  look(): Promise<void> {
    this.#looks += 1;
    this.#newest = this.#look(this.#looks);
    return this.#newest;
  }

  async #look(looks: number): Promise<void> {
    const { collection } = this.store.state;
    if (!collection) return;
    let trouble: string | null = null; // the first that there is
    const none = <Value>(promise: Promise<Value>) =>
      promise.catch((error: unknown) => {
        trouble ??= error instanceof AwayError ? null : wordsOf(error);
        return null;
      });
    const [health, queues, sources, letters, models, kept] = await Promise.all([
      none(this.client.health()),
      none(this.client.queues(collection)),
      none(this.client.sources(collection)),
      none(this.client.letters(collection, 0, LETTERS)),
      none(this.client.models(collection, MODELS)),
      none(this.client.kept("")),
    ]);
    if (looks !== this.#looks) return await this.#newest;
    this.#compare(kept?.items);
    if (health) this.#count(health, collection);
    const waiting = queues ? this.#lag.looked(queues, performance.now()) : {};
    const { kept: before } = this.store.state.system; // in which somebody may be writing
    const all = kept?.items ?? before;
    this.#tell({ health, waiting, sources, letters, models, kept: all, trouble });
  }

  ask(question: Question): void {
    this.#tell({ question });
  }

  /** Do what was asked, or leave it. */
  answer(isMeant: boolean): void {
    const { question } = this.store.state.system;
    this.#tell({ question: null });
    if (isMeant) question?.act();
  }

  /** Show what a dead letter holds, or hide it again. */
  async show(sequence: number | null): Promise<void> {
    this.#wanted = sequence;
    this.#tell({ letter: null });
    if (sequence === null) return;
    await this.#commands.run(async () => {
      const letter = await this.client.letter(sequence);
      if (this.#wanted === sequence) this.#tell({ letter });
      return null;
    });
  }

  async preview(): Promise<void> {
    const { collection } = this.store.state;
    if (!collection) return;
    await this.#commands.run(async () => {
      const wish = { dry_run: true, force: false };
      const preview = await this.client.refit(collection, wish);
      if (this.store.state.collection === collection) this.#tell({ preview });
      return null;
    });
  }

  forgetPreview(): void {
    this.#tell({ preview: null });
  }

  async refit(force: boolean, done: string): Promise<void> {
    await this.#command((name) => this.client.refit(name, { dry_run: false, force }), done);
    this.#tell({ preview: null });
  }

  async rollback(version: number, done: string): Promise<void> {
    await this.#command((name) => this.client.rollback(name, version), done);
  }

  async replay(letters: Letters, told: (settled: Settled) => Outcome): Promise<void> {
    await this.#command((name) => this.client.replay(name, letters), told);
  }

  async drop(letters: Letters, told: (settled: Settled) => Outcome): Promise<void> {
    await this.#command((name) => this.client.drop(name, letters), told);
  }

  /** Make a collection; tells whether it was made. */
  async create(wish: Readonly<Record<string, unknown>>, done: string): Promise<boolean> {
    return await this.#command(() => this.client.create(wish), done);
  }

  /** Give a collection another title; tells whether it has it. */
  async rename(name: string, title: string, done: string): Promise<boolean> {
    const isGood = await this.#command(() => this.client.change(name, { title }), done);
    if (isGood && this.store.state.collection === name) this.store.set({ title });
    return isGood;
  }

  /** Say whether what is fetched for a collection goes through an analysis service. */
  async analyze(name: string, is_analyzed: boolean, done: string): Promise<void> {
    await this.#command(() => this.client.change(name, { is_analyzed }), done);
  }

  /** Delete a collection; whoever looked at it looks at another one then. */
  async remove(name: string, done: string): Promise<void> {
    const isGone = await this.#command(() => this.client.remove(name), done);
    const { collection, system } = this.store.state;
    const other = system.kept.find((one) => one.name !== name);
    if (isGone && collection === name && other) {
      location.hash = `#/system/${encodeURIComponent(other.name)}`;
    }
  }

  async #command<Answer>(
    act: (collection: string) => Promise<Answer>,
    done: string | ((answer: Answer) => Outcome),
  ): Promise<boolean> {
    const { collection } = this.store.state;
    if (!collection) return false;
    return await this.#commands.run(async () => {
      const answer = await act(collection);
      await this.look();
      return typeof done === "string" ? { isGood: true, text: done } : done(answer);
    });
  }

  /** Whoever makes or deletes a collection, here or elsewhere: all are offered, and no other. */
  #compare(kept: readonly CollectionRecord[] | undefined): void {
    if (!kept) return;
    const served = kept.filter((one) => one.state === "active");
    if (namesOf(served) !== namesOf(this.store.state.collections)) void this.relist();
  }

  #count(health: Health, collection: string): void {
    const at = performance.now();
    if (this.#before) {
      const seconds = (at - this.#before.at) / 1000;
      this.#tell({ rates: ratesOf(this.#before.health, health, collection, seconds) });
    }
    this.#before = { at, health };
  }

  #tell(change: Partial<SystemState>): void {
    this.store.set({ system: { ...this.store.state.system, ...change } });
  }
}

/** Whether a refit would leave the points where they are, and explain no more and no less. */
export function changesNothing({ rms_share, explained_before, explained_after }: Movement) {
  const difference = Math.abs(explained_after - explained_before);
  return rms_share < LEAST_SHARE && difference < LEAST_SHARE;
}

function namesOf(collections: readonly { readonly name: string }[]): string {
  return collections
    .map(({ name }) => name)
    .sort()
    .join();
}
