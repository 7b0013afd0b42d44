// Made by `make readme` from the gateway's models; not to be edited.

export interface CollectionInfo {
  /** Its name. */
  readonly name: string;
  /** Rows of the public files. */
  readonly records: number;
  /** The model of their coordinates. */
  readonly model_version: number | null;
  /** The dataset's version that they hold. */
  readonly dataset_version: number | null;
  /** The public files, by name. */
  readonly files: Readonly<Record<string, FileInfo>>;
}

export interface CollectionRecord {
  /** Its identity: never given to another one, not even to one of its name. */
  readonly id: string;
  /** The last token of its subjects and the name of its folder; it stays. */
  readonly name: string;
  /** What people call it. */
  readonly title: string;
  /** What is in it, for people. */
  readonly description: string;
  /** What its sources are. */
  readonly kind: "logs" | "table" | "documents";
  /** Who made it. One of the configuration is served while that names it. */
  readonly origin: "configuration" | "command";
  /** deleting: it is being taken away, and nothing may be done with it any more. */
  readonly state: "active" | "deleting";
  /** 1 at first, then counting its changes. */
  readonly revision: number;
  /** When it was recorded, in UTC. */
  readonly created_at: string;
  /** The folders that its command named; of the configuration, that has them. */
  readonly sources: readonly (SourceFolder)[];
}

export interface CommittedBatch {
  /** The batch's id. */
  readonly batch_id: string;
  /** The source that it is a piece of. */
  readonly source_id: string;
  /** The source's version that it is a piece of. */
  readonly source_version: number;
  /** Records of the batch that are in the store. */
  readonly records: number;
}

export interface Decision {
  /** What called for it. */
  readonly trigger: "first" | "threshold" | "drift" | "command" | "rollback" | "forget";
  /** Records counted at the time. */
  readonly records: number;
  /** Records of the model before. */
  readonly records_at_last_fit: number;
  /** Growth that calls for a refit, as a factor. */
  readonly growth_threshold: number;
  /** Distance of the mean from the model's, in standard deviations. */
  readonly mean_shift: number;
  /** Shift that calls for a refit. */
  readonly mean_shift_threshold: number;
  /** Share of the variance that the best plane explains and the current does not. */
  readonly unexplained: number;
  /** Such a share calls for a refit. */
  readonly unexplained_threshold: number;
  /** Largest rms_share that is applied without force. */
  readonly movement_budget: number;
}

export interface FileInfo {
  /** Its size. */
  readonly bytes: number;
  /** When it was replaced last. */
  readonly modified: string;
}

export interface MeasuredMovement {
  /** Points that were moved. */
  readonly points: number;
  /** Root mean square displacement. */
  readonly rms: number;
  /** Median displacement. */
  readonly median: number;
  /** 95 % of the points moved less. */
  readonly p95: number;
  /** Largest displacement. */
  readonly largest: number;
}

export interface Movement {
  /** Root mean square displacement of the points. */
  readonly rms: number;
  /** The same, as a share of the map's diagonal. */
  readonly rms_share: number;
  /** Displacement of the points' centre. */
  readonly centre: number;
  /** The same, as a share of the map's diagonal. */
  readonly centre_share: number;
  /** The map's diagonal under the old model. */
  readonly diagonal: number;
  /** Share of the present variance that the old model's plane explains. */
  readonly explained_before: number;
  /** Share of the present variance that the new model's plane explains. */
  readonly explained_after: number;
}

export interface Problem {
  /** The kind of problem. */
  readonly type: string;
  /** The status in words. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** What went wrong here, and what to do about it. */
  readonly detail: string;
  /** The path that was asked for. */
  readonly instance: string;
}

export interface ProjectionModel {
  /** The collection whose vectors it projects. */
  readonly collection: string;
  /** Counts up by one with every model. */
  readonly version: number;
  /** The version it replaced; null for the first. */
  readonly parent: number | null;
  /** Length d of a vector. */
  readonly dimension: number;
  /** d little-endian float32, base64. */
  readonly mean: string;
  /** 2 rows of d little-endian float32, base64. */
  readonly components: string;
  /** Share of the variance along each component. */
  readonly explained_variance_ratio: readonly [number, number];
  /** Records that the model was fitted to. */
  readonly record_count: number;
  /** Why it was fitted: first, threshold, command ... */
  readonly reason: string;
  /** When it was fitted. */
  readonly created_at: string;
  /** Variance along each component, with n - 1 as divisor; null in models that were fitted by older versions of Mapstream. */
  readonly explained_variance: readonly [number, number] | null;
}

export interface ProjectionUpdated {
  /** Unique; the same cause always gives the same id, so that a stream drops the second copy. */
  readonly id: string;
  /** The collection that the event is about. */
  readonly collection: string;
  /** When it happened, in UTC. */
  readonly occurred_at: string;
  /** The command that led to this event, if one did. */
  readonly correlation_id: string | null;
  /** Correlation ids of commands that were folded into that one. */
  readonly also_answers: readonly (string)[];
  /** The whole model, for use by anybody. */
  readonly model: ProjectionModel;
  /** How the existing points move; none for the first model. */
  readonly movement: Movement | null;
  /** Why, in numbers. */
  readonly decision: Decision | null;
}

export interface RunStep {
  /** Its id. */
  readonly id: string;
  /** Its step. */
  readonly iteration: number;
  /** Its type. */
  readonly type: string;
  /** The first characters of its text. */
  readonly beginning: string;
}

export interface Session {
  /** Whether this gateway asks for tokens. */
  readonly needs_token: boolean;
  /** Whose token came; null if none did. */
  readonly name: string | null;
  /** What the caller may do; null if a token is needed and none came. */
  readonly role: "read" | "operate" | null;
}

export interface SourceFolder {
  /** The folder, or a single file; from the root. */
  readonly path: string;
  /** Which files below it; ** stands for any folders. */
  readonly glob: string;
}

export interface WholeRecord {
  /** The collection. */
  readonly collection: string;
  /** Its id. */
  readonly id: string;
  /** Its text, whole. */
  readonly text: string;
  /** Its type. */
  readonly type: string;
  /** The source's path below its root, with '/'. */
  readonly filename: string;
  /** Its step. */
  readonly iteration: number;
  /** Its place among the records of this step. */
  readonly idx_in_iteration: number;
  /** When it was made, as its source says. */
  readonly timestamp: string | null;
  /** When it was read. */
  readonly arrived_at: string | null;
  /** What else its source says of it. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Its place on the map. */
  readonly x: number;
  /** Its place on the map. */
  readonly y: number;
  /** Its place in its source, from 1. */
  readonly place: number;
  /** How many records its source has on the map. */
  readonly steps: number;
  /** The one before it; null if it is the first. */
  readonly previous: RunStep | null;
  /** The one after it; null if it is the last. */
  readonly next: RunStep | null;
}

export interface WritingCommitted {
  /** Unique; the same cause always gives the same id, so that a stream drops the second copy. */
  readonly id: string;
  /** The collection that the event is about. */
  readonly collection: string;
  /** When it happened, in UTC. */
  readonly occurred_at: string;
  /** The command that led to this event, if one did. */
  readonly correlation_id: string | null;
  /** Correlation ids of commands that were folded into that one. */
  readonly also_answers: readonly (string)[];
  /** The batches of the commit. */
  readonly batches: readonly (CommittedBatch)[];
  /** The store's version that first holds them. */
  readonly dataset_version: number;
}

export interface WritingPublished {
  /** Unique; the same cause always gives the same id, so that a stream drops the second copy. */
  readonly id: string;
  /** The collection that the event is about. */
  readonly collection: string;
  /** When it happened, in UTC. */
  readonly occurred_at: string;
  /** The command that led to this event, if one did. */
  readonly correlation_id: string | null;
  /** Correlation ids of commands that were folded into that one. */
  readonly also_answers: readonly (string)[];
  /** The store's version that the files hold. */
  readonly dataset_version: number;
  /** The model of all coordinates in the files. */
  readonly model_version: number | null;
  /** Rows of the files. */
  readonly records: number;
  /** How long writing them took. */
  readonly seconds: number;
  /** How far points moved, in the first files of a new model. */
  readonly movement: MeasuredMovement | null;
}
