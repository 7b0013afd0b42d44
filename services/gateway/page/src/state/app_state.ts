// Everything that the page shows, but the points themselves.

import type { CollectionInfo, Session, WholeRecord } from "../api/schema.ts";
import type { Entry, Field } from "../data/coding.ts";
import type { Move } from "../data/live.ts";
import type { Theme } from "../data/palettes.ts";
import type { Language } from "../i18n/index.ts";

/** What the middle of the page is about. */
export type Stage =
  | { readonly kind: "loading"; readonly bytes: number }
  | { readonly kind: "map" }
  | { readonly kind: "empty" }
  | { readonly kind: "signing-in"; readonly error: "none" | "unknown" | "foreign" }
  | { readonly kind: "forbidden"; readonly detail: string }
  | { readonly kind: "failed"; readonly detail: string }
  | { readonly kind: "away" };

/** Whether news come. */
export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "broken"; readonly againAt: number };

/** The record that is open. */
export type Opened =
  | { readonly kind: "none" }
  | { readonly kind: "loading"; readonly id: string }
  | { readonly kind: "record"; readonly id: string; readonly record: WholeRecord }
  | { readonly kind: "failed"; readonly id: string; readonly detail: string };

export interface AppState {
  readonly session: Session | null;
  readonly collections: readonly CollectionInfo[];
  readonly collection: string | null;
  readonly title: string | null;
  readonly stage: Stage;
  readonly connection: Connection;
  readonly count: number;
  /** How many points came since the page was opened. */
  readonly arrived: number;
  readonly model: number | null;
  readonly field: Field;
  /** Whether somebody asked for that. */
  readonly isFieldChosen: boolean;
  readonly entries: readonly Entry[];
  /** Keys of the entries of the legend that are not shown. */
  readonly hidden: ReadonlySet<string>;
  readonly opened: Opened;
  readonly move: Move | null;
  readonly theme: Theme;
  readonly language: Language;
  readonly isLegendOpen: boolean;
}

export const FIRST_STATE: AppState = {
  session: null,
  collections: [],
  collection: null,
  title: null,
  stage: { kind: "loading", bytes: 0 },
  connection: { kind: "connecting" },
  count: 0,
  arrived: 0,
  model: null,
  field: "type",
  isFieldChosen: false,
  entries: [],
  hidden: new Set(),
  opened: { kind: "none" },
  move: null,
  theme: "light",
  language: "en",
  isLegendOpen: true,
};
