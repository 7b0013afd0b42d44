// Calls about the running system, and the commands that change it.

import { PATHS } from "./client.ts";
import { asked, query, sending } from "./http.ts";
import { settled } from "./operations.ts";
import type {
  CollectionPage,
  Health,
  LetterList,
  ModelPage,
  Queues,
  Recomputed,
  Settled,
  Sources,
  WholeLetter,
} from "./schema.ts";

/** Which dead letters a command is about. */
export type Letters = { readonly sequences: readonly number[] } | { readonly all: true };

/** What of a collection is to be otherwise. */
export type CollectionChange = Readonly<{ title: string } | { is_analyzed: boolean }>;

export class SystemClient {
  health(): Promise<Health> {
    return asked(PATHS.health);
  }

  sources(collection: string): Promise<Sources> {
    return asked(`${PATHS.sources}?${query({ collection })}`);
  }

  queues(collection: string): Promise<Queues> {
    return asked(`${PATHS.queues}?${query({ collection })}`);
  }

  letters(collection: string, after: number, limit: number): Promise<LetterList> {
    return asked(`${PATHS.letters}?${query({ collection, after: `${after}`, limit: `${limit}` })}`);
  }

  letter(sequence: number): Promise<WholeLetter> {
    return asked(PATHS.letter.replace("{sequence}", `${sequence}`));
  }

  models(collection: string, limit: number): Promise<ModelPage> {
    return asked(`${PATHS.models}?${query({ collection, limit: `${limit}` })}`);
  }

  kept(after: string): Promise<CollectionPage> {
    return asked(`${PATHS.kept}?${query({ after, limit: "100" })}`);
  }

  /** Tell what a refit would bring, or do it. */
  refit(
    collection: string,
    wish: { readonly dry_run: boolean; readonly force: boolean },
  ): Promise<Recomputed> {
    return this.#carryOut(`${PATHS.refit}?${query({ collection })}`, { ...wish, reason: "page" });
  }

  rollback(collection: string, version: number): Promise<Recomputed> {
    return this.#carryOut(`${PATHS.rollback}?${query({ collection })}`, { to_version: version });
  }

  replay(collection: string, letters: Letters): Promise<Settled> {
    return this.#carryOut(`${PATHS.replay}?${query({ collection })}`, letters);
  }

  drop(collection: string, letters: Letters): Promise<Settled> {
    return this.#carryOut(`${PATHS.drop}?${query({ collection })}`, letters);
  }

  create(wish: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.#carryOut(PATHS.kept, wish);
  }

  /** Change what is kept of a collection. */
  change(name: string, change: CollectionChange): Promise<unknown> {
    const path = PATHS.collection.replace("{name}", encodeURIComponent(name));
    return settled(asked(path, sending("PATCH", change)));
  }

  /** Delete a collection for good. */
  remove(name: string): Promise<unknown> {
    const path = PATHS.collection.replace("{name}", encodeURIComponent(name));
    return settled(asked(path, { method: "DELETE" }));
  }

  /** Give a command, and wait for what became of it, however long that takes. */
  #carryOut<Answer>(path: string, body: unknown): Promise<Answer> {
    return settled<Answer>(asked(path, sending("POST", body)));
  }
}
