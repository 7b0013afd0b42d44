// Everything that the page shows, but the points themselves.

import type { CollectionInfo, Column, Regions, Session, WholeRecord } from "../api/schema.ts";
import type { Entry, Field } from "../data/coding.ts";
import type { Move } from "../data/live.ts";
import type { Theme } from "../data/palettes.ts";
import type { Language } from "../i18n/index.ts";
import type { Density } from "../map/density.ts";
import { type ExamplesState, NO_EXAMPLES } from "./examples.ts";
import type { Listing } from "./finding.ts";
import { type MatchesState, NO_MATCHES } from "./matches.ts";
import type { Choice, Route } from "./route.ts";
import { NO_RUNS, type RunsState } from "./runs.ts";
import { NO_SOURCES, type SourcesState } from "./sources_state.ts";
import { NO_SYSTEM, type SystemState } from "./system.ts";

/** What the middle of the page is about. */
export type Stage =
  | { readonly kind: "loading"; readonly bytes: number; readonly share: number | null }
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
  /** What is looked at: the map, or something else of it. */
  readonly area: Route["area"];
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
  /** What else the points can be coloured by. */
  readonly columns: readonly Column[];
  readonly entries: readonly Entry[];
  /** Keys of the entries of the legend that are not shown. */
  readonly hidden: ReadonlySet<string>;
  readonly opened: Opened;
  /** What was looked for. */
  readonly listing: Listing | null;
  /** Whether the list is seen, and not the open record. */
  readonly isListShown: boolean;
  /** Which times are shown; null: all. */
  readonly span: Choice | null;
  readonly isTimeOpen: boolean;
  /** How large points are, 1 as at first, and whether many on each other are fainter. */
  readonly pointSize: number;
  readonly density: Density;
  readonly move: Move | null;
  readonly theme: Theme;
  readonly language: Language;
  /** The regions of the map, as they were told last. */
  readonly regions: Regions | null;
  /** How many there are now, if others came or went a moment ago. */
  readonly regionNews: number | null;
  readonly areNamesShown: boolean;
  readonly isLegendOpen: boolean;
  readonly runs: RunsState;
  readonly matches: MatchesState;
  readonly examples: ExamplesState;
  readonly sources: SourcesState;
  readonly system: SystemState;
}

export const FIRST_STATE: AppState = {
  session: null,
  collections: [],
  area: "map",
  collection: null,
  title: null,
  stage: { kind: "loading", bytes: 0, share: null },
  connection: { kind: "connecting" },
  count: 0,
  arrived: 0,
  model: null,
  field: "type",
  isFieldChosen: false,
  columns: [],
  entries: [],
  hidden: new Set(),
  opened: { kind: "none" },
  listing: null,
  isListShown: true,
  span: null,
  isTimeOpen: false,
  pointSize: 1,
  density: "auto",
  move: null,
  theme: "light",
  language: "en",
  regions: null,
  regionNews: null,
  areNamesShown: true,
  isLegendOpen: true,
  runs: NO_RUNS,
  matches: NO_MATCHES,
  examples: NO_EXAMPLES,
  sources: NO_SOURCES,
  system: NO_SYSTEM,
};
