// What is looked for on a map, and which runs of it are listed.

import type { Corner } from "../data/areas.ts";

export type Query =
  | { readonly kind: "words"; readonly words: string }
  | { readonly kind: "like"; readonly id: string }
  | { readonly kind: "area"; readonly corners: readonly Corner[] }
  | { readonly kind: "region"; readonly region: number }
  /** All that was read from one source. */
  | { readonly kind: "source"; readonly name: string }
  /** What is in view, wherever one looks. */
  | { readonly kind: "view" };

/** What runs can have in common. */
export type Passage = Exclude<Query, { readonly kind: "source" | "view" }>;
