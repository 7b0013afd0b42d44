// What is shown of the sources of a collection.

import type {
  Effect,
  IncompleteSource,
  JobLine,
  JobRecord,
  ScheduleRecord,
  SourceRow,
  UploadRules,
} from "../api/schema.ts";
import type { Outcome } from "./commands.ts";
import { type FetchingState, NO_FETCHING } from "./fetching.ts";
import { type ManifestsState, NO_MANIFESTS } from "./manifests.ts";
import { NO_TRAY, type TrayItem } from "./tray.ts";

/** Which sources one wants to see, and what the gateway calls them. */
export const VIEWS = {
  all: ["incomplete", "reading", "dispatched", "completed", "failed"],
  mapped: ["completed"],
  moving: ["reading", "dispatched"],
  waiting: ["incomplete"],
  failed: ["failed"],
  deleted: ["forgotten"],
} as const;
export type View = keyof typeof VIEWS;

export interface SourcesState {
  readonly rows: readonly SourceRow[];
  readonly hasMore: boolean;
  /** Some of those that are incomplete, and why. */
  readonly incomplete: readonly IncompleteSource[];
  /** Whether they were asked for and came. */
  readonly isKnown: boolean;
  readonly text: string;
  readonly view: View;
  readonly kind: string;
  /** Ids of the rows that are chosen. */
  readonly chosen: ReadonlySet<string>;
  readonly uploadedBytes: number;
  readonly limits: UploadRules | null;
  readonly jobs: readonly JobRecord[];
  /** The job whose log is open, and that. */
  readonly log: { readonly job: string; readonly lines: readonly JobLine[] } | null;
  readonly effects: readonly Effect[];
  readonly schedules: readonly ScheduleRecord[];
  readonly manifests: ManifestsState;
  readonly tray: readonly TrayItem[];
  readonly fetching: FetchingState;
  readonly outcome: Outcome | null;
  readonly isBusy: boolean;
  readonly trouble: string | null;
}

export const NO_SOURCES: SourcesState = {
  rows: [],
  hasMore: false,
  incomplete: [],
  isKnown: false,
  text: "",
  view: "all",
  kind: "",
  chosen: new Set(),
  uploadedBytes: 0,
  limits: null,
  jobs: [],
  log: null,
  effects: [],
  schedules: [],
  manifests: NO_MANIFESTS,
  tray: NO_TRAY,
  fetching: NO_FETCHING,
  outcome: null,
  isBusy: false,
  trouble: null,
};
