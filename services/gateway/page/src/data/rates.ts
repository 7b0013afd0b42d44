// How much each stage does a second, from two looks at what it counted.

import type { Health, Traffic } from "../api/schema.ts";

export const STAGES = ["discovery", "embedding", "projection", "writing"] as const;

/** What a stage did between two looks. */
export interface Rate {
  /** Records that went out, a second. */
  readonly records: number;
  /** How old batches were when it was done with them, seconds; nothing if there were none. */
  readonly age: number | null;
}

/** Return the rate of every stage; one that was started anew in between counts from its start. */
export function ratesOf(
  before: Health,
  now: Health,
  collection: string,
  seconds: number,
): Record<string, Rate> {
  const found: Record<string, Rate> = {};
  for (const stage of STAGES) {
    const grown = (key: keyof Traffic) => {
      const [old, fresh] = [
        sumOf(before, stage, collection, key),
        sumOf(now, stage, collection, key),
      ];
      return fresh >= old ? fresh - old : fresh;
    };
    const aged = grown("aged");
    const age = aged > 0 ? grown("age_s") / aged : null;
    found[stage] = { records: seconds > 0 ? grown("records_out") / seconds : 0, age };
  }
  return found;
}

/** Add up what the instances of a stage counted of a collection. */
export function sumOf(
  health: Health,
  stage: string,
  collection: string,
  key: keyof Traffic,
): number {
  let sum = 0;
  for (const instance of health.services[stage] ?? []) {
    sum += instance.traffic?.[collection]?.[key] ?? 0;
  }
  return sum;
}
