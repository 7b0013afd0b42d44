// Made by `make readme` from the gateway's models; not to be edited.

export interface Accepted {
  /** It takes longer. */
  readonly status: "pending";
  /** Where to ask what became of it. */
  readonly operation: string;
  /** The command's, as in every event about it. */
  readonly correlation_id: string;
  /** The collection. */
  readonly collection: string;
}

export interface Brief {
  /** Its id. */
  readonly id: string;
  /** Its type. */
  readonly type: string;
  /** The source's path below its root, with '/'. */
  readonly filename: string;
  /** Its step. */
  readonly iteration: number;
  /** When it was made, as its source says. */
  readonly timestamp: string | null;
  /** A piece of its text in parts; every second one is a word that was looked for, the first is not. */
  readonly excerpt: readonly (string)[];
}

export interface ChangedJob {
  /** It is done. */
  readonly status: "ok";
  /** The command's, as in every event about it. */
  readonly correlation_id: string;
  /** The collection. */
  readonly collection: string;
  /** The job as it was then. */
  readonly job: JobRecord;
}

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

export interface CollectionPage {
  /** What is kept of each. */
  readonly items: readonly (CollectionRecord)[];
  /** Of the whole list: another one with each change, and whenever discovery starts. */
  readonly revision: string;
  /** Whether the list is the known one; then it has no items. */
  readonly is_unchanged: boolean;
  /** `after` of the next page; null if this is the last. */
  readonly next_after: string | null;
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
  /** deleting: it is being taken away, and nothing may be done with it any more; deleted: nothing is left of it but this, and its name is never used again. */
  readonly state: "active" | "deleting" | "deleted";
  /** 1 at first, then counting its changes. */
  readonly revision: number;
  /** When it was recorded, in UTC. */
  readonly created_at: string;
  /** The folders that its command named; of the configuration, that has them. */
  readonly sources: readonly (SourceFolder)[];
  /** Whether what is fetched or uploaded goes through an analysis service, where one is configured. */
  readonly is_analyzed: boolean;
}

export interface Column {
  /** Its name; of an attribute with `attributes.` before it. */
  readonly name: string;
  /** What its values are. */
  readonly kind: "word" | "number" | "time";
  /** How many of the records that were looked at have it. */
  readonly records: number;
  /** How many different values they have. */
  readonly different: number;
}

export interface ColumnView {
  /**  */
  readonly name: string;
  /**  */
  readonly filled: number;
  /**  */
  readonly examples: readonly (string)[];
}

export interface Columns {
  /** The collection. */
  readonly collection: string;
  /** How many records were looked at. */
  readonly sampled: number;
  /** What they have, the most frequent first; of one source, as its file has them. */
  readonly items: readonly (Column)[];
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

export interface ContradictedBatch {
  /** Its source's path below its root. */
  readonly filename: string;
  /** Its id. */
  readonly batch_id: string;
  /** What was told, with the numbers. */
  readonly what: string;
  /** When that was found. */
  readonly since: string;
}

export interface Counts {
  /** Score of `link` or more, nothing decided. */
  readonly linked: number;
  /** Score of `review` or more, nothing decided. */
  readonly review: number;
  /** Score below `review`, nothing decided. */
  readonly unmatched: number;
  /** Somebody has accepted the pair, whatever its score. */
  readonly accepted: number;
  /** Somebody has rejected the pair, whatever its score. */
  readonly rejected: number;
}

export interface DatasetFigures {
  /** Rows of the dataset. */
  readonly rows: number;
  /** Version of the dataset. */
  readonly dataset_version: number;
  /** The model of its coordinates; 0: none. */
  readonly model_version: number;
  /** Whether the public files hold the present dataset. */
  readonly is_fresh: boolean;
  /** Why the dataset cannot be written. */
  readonly blocked: string | null;
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

export interface DiscoveryStatus {
  /** Its name. */
  readonly service: string;
  /** What it is at: starting, standby, waiting, running, halted or stopping. */
  readonly state: string;
  /** Why it gives nothing more up. */
  readonly halted: string | null;
  /** What has not worked for some seconds. */
  readonly waits: readonly (Wait)[];
  /** What it counted since it was started, by collection. */
  readonly traffic: Readonly<Record<string, Traffic>>;
  /** The sources of each collection, and where every record is. */
  readonly collections: Readonly<Record<string, SourceFigures>>;
}

export interface Effect {
  /** Counts up with each. */
  readonly number: number;
  /** When, in UTC. */
  readonly at: string;
  /** The collection. */
  readonly collection: string;
  /** Who had it done, as audits name people. */
  readonly who: string;
  /** end: the job came to its end by itself, for whoever submitted it. The last three are of preferences, schedules, manifests and decisions of matches; of a manifest, end is that of a run, and change also that one of its sources is not fetched any more. */
  readonly action: "submit" | "cancel" | "retry" | "end" | "add" | "change" | "remove";
  /** What the job does, or what was changed. */
  readonly kind: "re-embed" | "delete" | "fetch" | "upload" | "preferences" | "schedule" | "manifest" | "match";
  /** The job; of others, an id of their own. */
  readonly job_id: string;
  /** Hash of collection and filename. */
  readonly source_id: string;
  /** The source's path below its root, with '/'. */
  readonly filename: string;
  /** The job's state after it. */
  readonly outcome: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  /** Why. */
  readonly reason: string | null;
}

export interface EffectPage {
  /** The effects. */
  readonly items: readonly (Effect)[];
  /** `before` of the next page; null if this is the last. */
  readonly next_before: number | null;
}

export interface EmbeddingStatus {
  /** Its name. */
  readonly service: string;
  /** What it is at: starting, standby, waiting, running, halted or stopping. */
  readonly state: string;
  /** Why it gives nothing more up. */
  readonly halted: string | null;
  /** What has not worked for some seconds. */
  readonly waits: readonly (Wait)[];
  /** What it counted since it was started, by collection. */
  readonly traffic: Readonly<Record<string, Traffic>>;
  /** What it tells of each collection that it serves. */
  readonly collections: Readonly<Record<string, Told>>;
  /** Why nothing can be embedded, if so; it may name collections. */
  readonly blocked: string | null;
  /** Why nothing can be embedded of each of these; others go on. */
  readonly blocked_collections: Readonly<Record<string, string>>;
  /** Records that got a vector since it was started. */
  readonly texts: number;
  /** Texts whose vector was known from before, and not asked for. */
  readonly recalled: number;
  /** Records whose text the server refused. */
  readonly rejected: number;
  /** Length of the vectors of each collection, as far as known. */
  readonly dimensions: Readonly<Record<string, number>>;
}

export interface ExampleRules {
  /** How many there are. */
  readonly files: number;
  /** How large they are together. */
  readonly size_bytes: number;
  /** Why none can be had; null: they can. */
  readonly why_not: string | null;
}

export interface FailedSource {
  /** Its path below its root. */
  readonly filename: string;
  /** What went wrong. */
  readonly reason: string;
  /** Whether it was read, and its new version is held back since too much of it died: the version before stays on the map. */
  readonly is_held: boolean;
}

export interface FileInfo {
  /** Its size. */
  readonly bytes: number;
  /** When it was replaced last. */
  readonly modified: string;
}

export interface Forgotten {
  /** It is done. */
  readonly status: "ok";
  /** The command's, as in every event about it. */
  readonly correlation_id: string;
  /** The collection. */
  readonly collection: string;
  /** Hash of collection and filename. */
  readonly source_id: string;
  /** The source's path below its root, with '/'. */
  readonly filename: string;
  /** The version that has no records. */
  readonly source_version: number;
}

export interface Found {
  /** The collection. */
  readonly collection: string;
  /** Those that the public files have, in the order that was asked for. */
  readonly items: readonly (Brief)[];
  /** The words, each of which their text has. */
  readonly words: readonly (string)[];
  /** How many records were found. */
  readonly total: number;
  /** How many were looked at: all of them, or what the time was enough for. */
  readonly searched: number;
  /** How many the public files have. */
  readonly records: number;
  /** The first of those that were found, for the map. */
  readonly ids: readonly (string)[];
}

export interface GatewayStatus {
  /** Its name. */
  readonly service: string;
  /** What it is at: starting, standby, waiting, running, halted or stopping. */
  readonly state: string;
  /** Why it gives nothing more up. */
  readonly halted: string | null;
  /** What has not worked for some seconds. */
  readonly waits: readonly (Wait)[];
  /** What it counted since it was started, by collection. */
  readonly traffic: Readonly<Record<string, Traffic>>;
  /** What it tells of each collection that it serves. */
  readonly collections: Readonly<Record<string, Told>>;
  /** Where it listens. */
  readonly url: string | null;
  /** Streams of events that go on. */
  readonly streams: number;
}

export interface GoneSource {
  /** Its path below its root. */
  readonly filename: string;
  /** When it was first missed. */
  readonly since: string;
  /** Its records that stay on the map. */
  readonly mapped: number;
  /** Filename under which the same file is read now. */
  readonly same_as: string | null;
}

export interface Health {
  /** The gateway itself works. */
  readonly status: "ok";
  /** Whether discovery, embedding, projection and writing each have a running instance. */
  readonly pipeline_running: boolean;
  /** Whether the bus answers. */
  readonly bus: "connected" | "away";
  /** Of each service, what its instances tell about themselves. */
  readonly services: Readonly<Record<string, readonly (DiscoveryStatus | EmbeddingStatus | ProjectionStatus | WritingStatus | GatewayStatus | UnreadableStatus | Status)[]>>;
  /** What has not worked for some seconds, in any service; told to those who may read. */
  readonly waits: readonly (Waiting)[];
}

export interface HeldRefit {
  /** What it would bring. */
  readonly movement: Movement;
  /** Why it was called for and why it is held. */
  readonly decision: Decision;
  /** The state of the moments that it was for. */
  readonly revision: number;
}

export interface IncompleteSource {
  /** The source's path below its root, with '/'. */
  readonly filename: string;
  /** empty, no_json_at_end, no_final_answer, changed_lately or no_sidecar. */
  readonly why: string | null;
  /** The same in words. */
  readonly reason: string | null;
  /** When it was first found so. */
  readonly since: string | null;
}

export interface JobAnalysis {
  /** downloading: it has not been handed over yet; complete: the service is done. */
  readonly phase: "downloading" | "analyzing" | "matching" | "complete";
  /** Items that it has gone through. */
  readonly items_processed: number;
  /** Of so many; null: not told. */
  readonly items_total: number | null;
  /** Items that it has matched. */
  readonly matches_found: number;
  /** Items that somebody is to look at. */
  readonly review_queue: number;
  /** Items that it could not make anything of. */
  readonly errors: number;
  /** What the service calls it; null: it was not asked yet. */
  readonly remote_id: string | null;
}

export interface JobLine {
  /** When, in UTC. */
  readonly at: string;
  /** What happened. */
  readonly line: string;
}

export interface JobPage {
  /** The jobs. */
  readonly items: readonly (JobRecord)[];
  /** `before` of the next page; null if this is the last. */
  readonly next_before: number | null;
  /** If one job was asked for: the last fifty lines of its log. */
  readonly log: readonly (JobLine)[];
}

export interface JobProgress {
  /** Read from the source so far. */
  readonly seen: number;
  /** Of these, embedded and waiting, or shown. */
  readonly done: number;
  /** Of these, dead-lettered. */
  readonly dead: number;
  /** Of the file that it brings, the bytes that have come. */
  readonly received_bytes: number;
  /** How many there are; null: nobody has said so yet. */
  readonly total_bytes: number | null;
}

export interface JobRecord {
  /** Its identity; the same command makes the same ids. */
  readonly id: string;
  /** The collection of its source. */
  readonly collection: string;
  /** What it does. */
  readonly kind: "re-embed" | "delete" | "fetch" | "upload";
  /** Hash of collection and filename. */
  readonly source_id: string;
  /** The source's path below its root, with '/'. */
  readonly filename: string;
  /** Where it stands; the last three are ends. */
  readonly state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  /** How far it is; while it runs it never goes back. embedding has projecting in it: the ledger hears of a batch when that waits to be shown. */
  readonly phase: "acquiring" | "validating" | "embedding" | "projecting" | "writing" | "done";
  /** 1 at first, then counting its changes. */
  readonly revision: number;
  /** In the queue of its collection; null if not queued. */
  readonly position: number | null;
  /** Its records, counted. */
  readonly progress: JobProgress;
  /** Records that died: it ended without them. */
  readonly warnings: number;
  /** Whether nothing of it moves. */
  readonly is_stalled: boolean;
  /** Whether vectors known from before are passed by. */
  readonly is_fresh: boolean;
  /** The version of the collection's preferences by which it reads; null: by columns of the source. */
  readonly preferences: number | null;
  /** How often it was retried; never reset. */
  readonly retries: number;
  /** How often it can be. */
  readonly max_retries: number;
  /** Whether it can be retried now. */
  readonly can_retry: boolean;
  /** Whether it can be cancelled now. */
  readonly can_cancel: boolean;
  /** The version of the source that it makes; null until then. */
  readonly source_version: number | null;
  /** When it was submitted, in UTC. */
  readonly created_at: string;
  /** Who submitted it, as audits name people. */
  readonly created_by: string;
  /** Why, in the words of whoever did. */
  readonly why: string | null;
  /** When its last attempt began; null while it is queued. */
  readonly started_at: string | null;
  /** When it ended. */
  readonly ended_at: string | null;
  /** Why it failed or was cancelled, and what to do; of one that has succeeded, that nothing was new, or that an analysis service keeps what it has found. */
  readonly reason: string | null;
  /** Of a file that an analysis service reads: what that tells; null: it is ours. */
  readonly analysis: JobAnalysis | null;
}

export interface Ledger {
  /** Found. */
  readonly seen: number;
  /** In the dataset. */
  readonly mapped: number;
  /** Dead-lettered. */
  readonly dead: number;
  /** On their way. */
  readonly in_flight: number;
  /** Of the dead: those that somebody gave up for good. */
  readonly dropped: number;
  /** Of those in flight: they are embedded and wait beside the map, since too much of their version died. */
  readonly held: number;
}

export interface Letter {
  /** Its number: its place in stream DEAD_LETTERS. */
  readonly sequence: number;
  /** When it was given up. */
  readonly stored_at: string;
  /** The stage that gave it up. */
  readonly stage: string;
  /** The collection. */
  readonly collection: string;
  /** Why. */
  readonly reason: string;
  /** How often it was tried. */
  readonly attempts: number;
  /** Records that are dead with it. */
  readonly records: number;
  /** Path of its source below its root. */
  readonly filename: string | null;
  /** Its line there, from 1. */
  readonly line: number | null;
  /** Of a run of lines: the last of them. */
  readonly last_line: number | null;
  /** Where it begins there, in bytes from 0. */
  readonly byte_offset: number | null;
  /** Its size at its origin. */
  readonly bytes: number;
  /** The record, if it is one. */
  readonly record_id: string | null;
  /** Hash of collection and filename. */
  readonly source_id: string | null;
  /** The version of the source. */
  readonly source_version: number | null;
  /** The batch that it was part of, or is. */
  readonly batch_id: string | null;
  /** Of a whole message: where it was read. */
  readonly subject: string | null;
}

export interface LetterList {
  /** The collection. */
  readonly collection: string;
  /** Letters that fit the filters in all; null with `source`, since that would be a look at every letter. */
  readonly total: number | null;
  /** `after` of the next page; null if this is the last. With `source`, a page may have fewer items than `limit`, or none, and not be the last. */
  readonly next_after: number | null;
  /** The letters, without what they hold. */
  readonly items: readonly (Letter)[];
}

export interface ListedManifest {
  /** The manifest, with its last twenty runs. */
  readonly manifest: ManifestRecord;
  /** What became of each row when it was last applied; then what is not listed any more. */
  readonly items: readonly (ManifestItem)[];
}

export interface ManifestCounts {
  /** Are fetched for the first time. */
  readonly added: number;
  /** Are fetched from another URL from now on. */
  readonly changed: number;
  /** Are fetched again if they have changed. */
  readonly asked: number;
  /** Have a job already; next time. */
  readonly busy: number;
  /** Came lately enough. */
  readonly not_due: number;
  /** Are not to be fetched, by their row. */
  readonly inactive: number;
  /** Are listed no longer: kept, and not fetched. */
  readonly unlisted: number;
  /** Rows that are no source. */
  readonly bad: number;
}

export interface ManifestItem {
  /** Its row, from 1; 0: it is not listed any more. */
  readonly row: number;
  /** As it is listed. */
  readonly name: string;
  /** Where it is fetched from. */
  readonly url: string | null;
  /** What its source is called, unless that was taken. */
  readonly filename: string | null;
  /** What became of it. */
  readonly outcome: "added" | "changed" | "asked" | "busy" | "not due" | "inactive" | "unlisted" | "bad";
  /** Why. */
  readonly reason: string | null;
  /** The last job that fetches it. */
  readonly job: string | null;
  /** When that was queued. */
  readonly asked_at: string | null;
  /** As it is listed. */
  readonly every_hours: number | null;
  /** As they are listed. */
  readonly notes: string | null;
}

export interface ManifestRecord {
  /** Its identity. */
  readonly id: string;
  /** Where its sources belong. */
  readonly collection: string;
  /** What it is called; if nobody named it, its URL. */
  readonly name: string;
  /** Where it lies; null: it was handed in. */
  readonly url: string | null;
  /** Hours from slot to slot. */
  readonly every_hours: number;
  /** Whether its slots pass without a run. */
  readonly is_paused: boolean;
  /** The next slot of its grid. */
  readonly next_at: string;
  /** Slots that were run. */
  readonly ran: number;
  /** Slots that nobody ran: it was paused, or nobody was there. */
  readonly missed: number;
  /** Slots at which it was still being applied. */
  readonly overlapped: number;
  /** When it was last applied. */
  readonly succeeded_at: string | null;
  /** Whether it was not for nine hours, or one and a half periods if that is more. */
  readonly is_stale: boolean;
  /** When it was made. */
  readonly created_at: string;
  /** Who made it. */
  readonly created_by: string;
  /** The last twenty, newest first. */
  readonly runs: readonly (ManifestRun)[];
}

export interface ManifestRun {
  /** Its identity; jobs that it queued say manifest:ID. */
  readonly id: string;
  /** When that was decided, in UTC. */
  readonly at: string;
  /** The slot, the last of several; null: by hand. */
  readonly slot: string | null;
  /** missed: nobody was there, or it was paused; overlapped: one was under way. */
  readonly outcome: "ran" | "by hand" | "missed" | "overlapped";
  /** How many slots it is about. */
  readonly slots: number;
  /** Who had it run. */
  readonly by: string;
  /** How far it is; failed: nothing has changed; null: it did not run. */
  readonly state: "running" | "applied" | "failed" | null;
  /** When it had ended. */
  readonly ended_at: string | null;
  /** Why it failed; of one that is applied, what was passed over. */
  readonly reason: string | null;
  /** Of its list. */
  readonly counts: ManifestCounts | null;
}

export interface Manifests {
  /** Each, with its last twenty runs. */
  readonly items: readonly (ManifestRecord)[];
}

export interface Match {
  /** The record. */
  readonly id: string;
  /** The nearest one; of equally near ones the first id. */
  readonly other_id: string;
  /** Cosine of the angle between the vectors; 1: the same direction. */
  readonly score: number;
  /** linked: the score is `link` or more; review: `review` or more, and somebody is to look at it; unmatched: less; accepted, rejected: somebody has decided that. */
  readonly state: "linked" | "review" | "unmatched" | "accepted" | "rejected";
  /** Hash of their two texts: what is decided is decided of these. */
  readonly texts: string;
  /** The source of the record. */
  readonly filename: string;
  /** The source of the nearest one. */
  readonly other_filename: string;
  /** The beginning of its text. */
  readonly text: string;
  /** The beginning of the text of the nearest one. */
  readonly other_text: string;
  /** What was decided of them, by whom and when; null: nothing. */
  readonly decided: MatchDecision | null;
}

export interface MatchDecision {
  /** The record of the collection. */
  readonly id: string;
  /** The record of the other one. */
  readonly other_id: string;
  /** Hash of their two texts: what is decided is decided of these. */
  readonly texts: string;
  /** accept: they belong together; reject: they do not. */
  readonly decision: "accept" | "reject";
  /** When, in UTC. */
  readonly at: string;
  /** Who, as audits name people. */
  readonly by: string;
}

export interface MatchResult {
  /** The record. */
  readonly id: string;
  /** The one of the other collection. */
  readonly other_id: string;
  /** unchanged: that had been decided before. */
  readonly outcome: "decided" | "unchanged" | "refused";
  /** Why it was refused. */
  readonly reason: string | null;
  /** What is decided of it now; null: nothing. */
  readonly decided: MatchDecision | null;
}

export interface MatchResults {
  /** The collection. */
  readonly collection: string;
  /** The collection that it is matched with. */
  readonly other: string;
  /** One for each pair, in that order. */
  readonly items: readonly (MatchResult)[];
}

export interface Matches {
  /** The collection: each of its records has one pair. */
  readonly collection: string;
  /** The collection that it is matched with. */
  readonly other: string;
  /** From this score on a pair is linked. */
  readonly link: number;
  /** From this score on somebody is to look at it. */
  readonly review: number;
  /** Records of the collection. */
  readonly records: number;
  /** Records of the other one. */
  readonly other_records: number;
  /** How many are in which state. */
  readonly counts: Counts;
  /** Decisions that hold for no pair now: a text has changed, a record has gone, or another one is nearer. */
  readonly unused_decisions: number;
  /** Pairs that were asked for. */
  readonly total: number;
  /** Some of them, the best first. */
  readonly items: readonly (Match)[];
  /** `after` of the next page; null: there is none. */
  readonly next_after: number | null;
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

export interface ModelFigures {
  /** Records whose vectors are counted. */
  readonly records: number;
  /** Batches of which it is not known yet whether they are stored. */
  readonly pending: number;
  /** Batches that are stored with vectors that never came, so they do not count. */
  readonly in_doubt: number;
  /** The current model; 0: none. */
  readonly version: number;
  /** Whether anything was counted after the last fit. */
  readonly is_stale: boolean;
  /** Share of the variance along each of its axes. */
  readonly explained_variance_ratio: readonly (number)[] | null;
  /** A refit that waits for force. */
  readonly held: HeldRefit | null;
  /** Whether the moments were found to belong to the dataset. */
  readonly is_compared: boolean;
}

export interface ModelPage {
  /** The collection. */
  readonly collection: string;
  /** Models in all. */
  readonly total: number;
  /** The most that were asked for. */
  readonly limit: number;
  /** How many newer ones were left out. */
  readonly offset: number;
  /** The models. */
  readonly items: readonly (ModelSummary)[];
}

export interface ModelSummary {
  /** Counts up by one with every model. */
  readonly version: number;
  /** The version it replaced; null for the first. */
  readonly parent: number | null;
  /** Length of a vector. */
  readonly dimension: number;
  /** Share of the variance along each component. */
  readonly explained_variance_ratio: readonly (number)[];
  /** Records that the model was fitted to. */
  readonly record_count: number;
  /** Why it was fitted. */
  readonly reason: string;
  /** When it was fitted. */
  readonly created_at: string;
  /** Variance along each component; null of models of older versions. */
  readonly explained_variance: readonly (number)[] | null;
  /** How it moved the points that there were, and how much of their variance it explains; null of the first model and of those of older versions. */
  readonly movement: Movement | null;
  /** Whether the public files hold its coordinates. */
  readonly is_current: boolean;
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

export interface Neighbour {
  /** Its id. */
  readonly id: string;
  /** Its type. */
  readonly type: string;
  /** The source's path below its root, with '/'. */
  readonly filename: string;
  /** Its step. */
  readonly iteration: number;
  /** When it was made, as its source says. */
  readonly timestamp: string | null;
  /** A piece of its text in parts; every second one is a word that was looked for, the first is not. */
  readonly excerpt: readonly (string)[];
  /** Cosine of the angle between the vectors; 1: the same direction. */
  readonly similarity: number;
}

export interface Neighbours {
  /** The collection. */
  readonly collection: string;
  /** Whose neighbours they are. */
  readonly id: string;
  /** How many vectors were compared: every other one. */
  readonly compared: number;
  /** The neighbours, the nearest first. */
  readonly items: readonly (Neighbour)[];
}

export interface Operation {
  /** The command's correlation id. */
  readonly id: string;
  /** Where it stands. */
  readonly state: State;
  /** The collection. */
  readonly collection: string;
  /** What was asked for; null if it was not asked for here. */
  readonly command: "refit" | "rollback" | "forget" | "replay" | "drop" | "rename" | "create" | "delete" | "upload" | "submit" | "fetch" | "cancel" | "retry" | null;
  /** What was done; the files may still be on their way. */
  readonly result: Recomputed | Forgotten | Settled | Renamed | Uploaded | SubmittedJobs | ChangedJob | null;
  /** Why it was held or rejected. */
  readonly reason: string | null;
  /** If it was rejected: whether there is no such source. */
  readonly is_unknown: boolean;
  /** If it was held: the model that stays current. */
  readonly version: number | null;
  /** If it was held: how far it would move points. */
  readonly movement: Movement | null;
  /** If it was held: why, in numbers. */
  readonly decision: Decision | null;
}

export interface Place {
  /** In the units of the map. */
  readonly x: number;
  /** In the units of the map. */
  readonly y: number;
}

export interface PreferencePage {
  /** What files without columns of their own are read by; null: all columns. */
  readonly active: Preferences | null;
  /** The versions before, the newest first, fifty at most. */
  readonly earlier: readonly (Preferences)[];
  /** The columns of its uploaded and fetched tables, as far as known. */
  readonly columns: readonly (string)[];
  /** Files whose columns were not looked at yet. */
  readonly unknown: number;
}

export interface Preferences {
  /** Counts up with every change. */
  readonly version: number;
  /** The columns that make the text of a record; none: all of them. */
  readonly text_columns: readonly (string)[];
  /** The columns that are kept as attributes; not given: all that make no text. */
  readonly context_columns: readonly (string)[] | null;
  /** When it was chosen, in UTC. */
  readonly updated_at: string;
  /** Who chose it, as audits name people. */
  readonly updated_by: string;
}

export interface Preview {
  /**  */
  readonly file: string;
  /**  */
  readonly size_bytes: number;
  /**  */
  readonly format: string;
  /**  */
  readonly why: string;
  /**  */
  readonly facts: readonly (Readonly<Record<string, string>>)[];
  /**  */
  readonly tables: readonly (TableView)[];
  /**  */
  readonly skipped: readonly (Readonly<Record<string, string>>)[];
  /**  */
  readonly warnings: readonly (Readonly<Record<string, unknown>>)[];
  /**  */
  readonly bad_rows: readonly (Readonly<Record<string, unknown>>)[];
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
  /** How it moved the points that there were; null of the first model, and of those of older versions of Mapstream. */
  readonly movement: Movement | null;
}

export interface ProjectionStatus {
  /** Its name. */
  readonly service: string;
  /** What it is at: starting, standby, waiting, running, halted or stopping. */
  readonly state: string;
  /** Why it gives nothing more up. */
  readonly halted: string | null;
  /** What has not worked for some seconds. */
  readonly waits: readonly (Wait)[];
  /** What it counted since it was started, by collection. */
  readonly traffic: Readonly<Record<string, Traffic>>;
  /** What is counted of each collection, and its model. */
  readonly collections: Readonly<Record<string, ModelFigures>>;
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

export interface Queues {
  /** Of which collection. */
  readonly collection: string;
  /** Each queue; a stage may have several. */
  readonly items: readonly (StageQueue)[];
}

export interface Recomputed {
  /** preview: nothing has changed. */
  readonly status: "ok" | "preview";
  /** The command's, as in every event about it. */
  readonly correlation_id: string;
  /** The collection. */
  readonly collection: string;
  /** Records that the model is fitted to. */
  readonly record_count: number;
  /** The current model. */
  readonly version: number;
  /** How far points move; none before a first fit. */
  readonly movement: Movement | null;
  /** Why, in numbers. */
  readonly decision: Decision | null;
  /** Of a preview: whether it would need force. */
  readonly would_be_held: boolean | null;
}

export interface Records {
  /** The collection. */
  readonly collection: string;
  /** Those that the public files have, in the order that was asked for. */
  readonly items: readonly (Brief)[];
}

export interface RefusedLetter {
  /** Its place in stream DEAD_LETTERS. */
  readonly sequence: number;
  /** Why, with the remedy if there is one. */
  readonly reason: string;
}

export interface Region {
  /** Its number in this collection: it keeps it, and its words, as long as most of its points stay together, also when a refit moves them; no other one ever has it. */
  readonly region: number;
  /** What it is named by, most telling first; none: its texts say nothing that others do not say. */
  readonly words: readonly (string)[];
  /** The median of its points. */
  readonly x: number;
  /** The same. */
  readonly y: number;
  /** Half of its points are nearer to that. */
  readonly spread: number;
  /** Its share of the records. */
  readonly share: number;
  /** Of all centres of the event, a point belongs to the nearest one's region. */
  readonly centres: readonly (Place)[];
}

export interface Regions {
  /** The collection. */
  readonly collection: string;
  /** When that was; null if they were not yet. */
  readonly found_at: string | null;
  /** The dataset's version that was looked at. */
  readonly dataset_version: number | null;
  /** The model of its points: with another one the places mean nothing. */
  readonly model_version: number | null;
  /** Records that the map had. */
  readonly records: number;
  /** The regions, the largest first. */
  readonly regions: readonly (Region)[];
}

export interface Renamed {
  /** It is done. */
  readonly status: "ok";
  /** The command's, as in every event about it. */
  readonly correlation_id: string;
  /** The collection. */
  readonly collection: string;
  /** What is kept of it now. */
  readonly record: CollectionRecord;
}

export interface ResumableUpload {
  /** Its id, and that of the job that has it read in the end. */
  readonly id: string;
  /** Where it belongs. */
  readonly collection: string;
  /** What it was called. */
  readonly filename: string;
  /** How many bytes it has. */
  readonly length: number;
  /** How many of them have come. */
  readonly offset: number;
  /** When it is removed if nothing comes before. */
  readonly expires_at: string;
  /** What became of it; null: its bytes have not all come. */
  readonly file: TakenFile | null;
}

export interface Run {
  /** The collection. */
  readonly collection: string;
  /** The source's path below its root, with '/'. */
  readonly name: string;
  /** How it ended, as its last word of that says. */
  readonly outcome: string | null;
  /** The beginning of its final answer, as the last step that has one gives it. */
  readonly answer: string | null;
  /** How many steps it has; some of many are told. */
  readonly total: number;
  /** The first steps, in order. */
  readonly steps: readonly (StepOfRun)[];
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

export interface RunSummary {
  /** The source's path below its root, with '/'. */
  readonly name: string;
  /** How many records it has on the map. */
  readonly steps: number;
  /** How it ended, as its last word of that says. */
  readonly outcome: string | null;
  /** The beginning of its final answer, as the last step that has one gives it. */
  readonly answer: string | null;
  /** When its first step was. */
  readonly begun: string | null;
  /** When its last step was. */
  readonly ended: string | null;
  /** How far its path is from the usual way, as a share of the map's diagonal: at 17 moments of its progress, from the median of all runs at the same; root mean square. */
  readonly distance: number;
  /** How many of its steps are in the region or area that was asked for, have the words, or are near to the record. */
  readonly inside: number | null;
}

export interface Runs {
  /** The collection. */
  readonly collection: string;
  /** How many runs fit what was asked for. */
  readonly total: number;
  /** The most on a page. */
  readonly limit: number;
  /** How many come before this page. */
  readonly offset: number;
  /** The runs, in the order that was asked for. */
  readonly items: readonly (RunSummary)[];
  /** Where words were asked for: how many records were looked at, all of them or what the time was enough for. */
  readonly searched: number | null;
  /** Where words were asked for: how many records there are. */
  readonly records: number | null;
}

export interface SchedulePage {
  /** Each of them. */
  readonly items: readonly (ScheduleRecord)[];
}

export interface ScheduleRecord {
  /** Its identity. */
  readonly id: string;
  /** Where the source belongs. */
  readonly collection: string;
  /** What is fetched. */
  readonly url: string;
  /** What it is called; null: as its server says. */
  readonly filename: string | null;
  /** Hours from slot to slot. */
  readonly every_hours: number;
  /** Whether its slots pass without a run. */
  readonly is_paused: boolean;
  /** The next slot of its grid. */
  readonly next_at: string;
  /** Slots that were run. */
  readonly ran: number;
  /** Slots that nobody ran: it was paused, or nobody was there. */
  readonly missed: number;
  /** Slots at which the source still had a job. */
  readonly overlapped: number;
  /** When a run last succeeded. */
  readonly succeeded_at: string | null;
  /** Whether none has for nine hours, or one and a half periods if that is longer. */
  readonly is_stale: boolean;
  /** When it was made. */
  readonly created_at: string;
  /** Who made it. */
  readonly created_by: string;
  /** The last ones, newest first. */
  readonly runs: readonly (ScheduleRun)[];
}

export interface ScheduleRun {
  /** When that was decided, in UTC. */
  readonly at: string;
  /** The slot, the last of several; null: by hand. */
  readonly slot: string | null;
  /** missed: nobody was there, or it was paused; overlapped: the source still had a job. */
  readonly outcome: "ran" | "by hand" | "missed" | "overlapped";
  /** How many slots it is about. */
  readonly slots: number;
  /** The job; null if there is none. */
  readonly job: string | null;
}

export interface Session {
  /** Whether this gateway asks for tokens. */
  readonly needs_token: boolean;
  /** Whose token came; null if none did. */
  readonly name: string | null;
  /** What the caller may do; null if a token is needed and none came. */
  readonly role: "read" | "operate" | null;
}

export interface Settled {
  /** The command was carried out. */
  readonly status: "ok";
  /** The command's, as in every event about it. */
  readonly correlation_id: string;
  /** The collection. */
  readonly collection: string;
  /** Dead letters that were sent again, or deleted. */
  readonly letters: number;
  /** Their records: in flight again, or given up for good. */
  readonly records: number;
  /** Dead letters that stay what they are. */
  readonly refused: number;
  /** Those that stay, at most a hundred, and why. */
  readonly refusals: readonly (RefusedLetter)[];
}

export interface SourceFigures {
  /** Number of sources by status. */
  readonly sources: Readonly<Record<string, number>>;
  /** Their records. */
  readonly records: Ledger;
  /** Some of those that could not be read. */
  readonly failures: readonly (FailedSource)[];
  /** How many are incomplete. */
  readonly incomplete_sources: number;
  /** Some of those, why, and since when. */
  readonly incomplete: readonly (IncompleteSource)[];
  /** How many were mapped and are not there any more. */
  readonly gone_sources: number;
  /** Some of those, and since when. */
  readonly gone: readonly (GoneSource)[];
  /** How many stand still. */
  readonly stalled_sources: number;
  /** Some of those that stand still, and which stage holds them. */
  readonly stalled: readonly (StalledSource)[];
  /** Of how many batches two things were told that cannot be true. */
  readonly contradicted_batches: number;
  /** Some of those, and what was told. */
  readonly contradicted: readonly (ContradictedBatch)[];
  /** Whether every source was looked at once. */
  readonly has_looked: boolean;
  /** Whether the ledger was found to belong to the dataset. */
  readonly is_compared: boolean;
}

export interface SourceFolder {
  /** The folder, or a single file; from the root. */
  readonly path: string;
  /** Which files below it; ** stands for any folders. */
  readonly glob: string;
}

export interface SourcePage {
  /** What is kept of each. */
  readonly items: readonly (SourceRow)[];
  /** What the uploaded files of the collection take together. */
  readonly uploaded_bytes: number;
  /** `after` of the next page; null if this is the last. */
  readonly next_after: string | null;
  /** Null if that was not asked for. */
  readonly totals: SourceTotals | null;
}

export interface SourceRow {
  /** Hash of collection and filename. */
  readonly source_id: string;
  /** Its name on the map. */
  readonly filename: string;
  /** Where it comes from. */
  readonly kind: "folder" | "upload" | "url";
  /** How far it is. */
  readonly status: "incomplete" | "reading" | "dispatched" | "completed" | "failed" | "forgotten";
  /** Counts its contents from 1; 0: none was complete yet. */
  readonly source_version: number;
  /** Length of the content, as it was last seen. */
  readonly size_bytes: number;
  /** Records found, unreadable lines included. */
  readonly seen: number;
  /** Records that wait to be shown with the others. */
  readonly staged: number;
  /** Records in the dataset. */
  readonly mapped: number;
  /** Records and lines that were dead-lettered. */
  readonly dead: number;
  /** Records of which nothing was heard yet. */
  readonly in_flight: number;
  /** Why it cannot be read, if it cannot. */
  readonly reason: string | null;
  /** When it was first seen, in UTC. */
  readonly discovered_at: string;
  /** When this version was mapped to its end, or forgotten. */
  readonly completed_at: string | null;
  /** Since when it is not there any more. */
  readonly gone_at: string | null;
  /** Of an uploaded one, what is kept of it; null once it was removed. */
  readonly upload: UploadFacts | null;
}

export interface SourceTotals {
  /** How many there are. */
  readonly sources: number;
  /** When the last of them was found, or its version was mapped to its end; null: there is none. */
  readonly changed_at: string | null;
}

export interface Sources {
  /** Number of sources by status. */
  readonly sources: Readonly<Record<string, number>>;
  /** Their records. */
  readonly records: Ledger;
  /** Some of those that could not be read. */
  readonly failures: readonly (FailedSource)[];
  /** How many are incomplete. */
  readonly incomplete_sources: number;
  /** Some of those, why, and since when. */
  readonly incomplete: readonly (IncompleteSource)[];
  /** How many were mapped and are not there any more. */
  readonly gone_sources: number;
  /** Some of those, and since when. */
  readonly gone: readonly (GoneSource)[];
  /** How many stand still. */
  readonly stalled_sources: number;
  /** Some of those that stand still, and which stage holds them. */
  readonly stalled: readonly (StalledSource)[];
  /** Of how many batches two things were told that cannot be true. */
  readonly contradicted_batches: number;
  /** Some of those, and what was told. */
  readonly contradicted: readonly (ContradictedBatch)[];
  /** Whether every source was looked at once. */
  readonly has_looked: boolean;
  /** Whether the ledger was found to belong to the dataset. */
  readonly is_compared: boolean;
  /** The collection. */
  readonly collection: string;
}

export interface StageQueue {
  /** The service. */
  readonly stage: string;
  /** What these messages are. */
  readonly reads: string;
  /** Not delivered yet: its lag. */
  readonly waiting: number;
  /** Delivered and not settled. */
  readonly in_hand: number;
  /** Place in the stream up to which all is settled. While something waits and this stays, the oldest message is not done. */
  readonly settled_to: number;
}

export interface StalledSource {
  /** Its path below its root. */
  readonly filename: string;
  /** The stage that holds it; bus: it was lost there. */
  readonly stage: string;
  /** When its numbers last changed. */
  readonly since: string;
  /** Its records of which nothing was heard yet. */
  readonly in_flight: number;
}

export type State = "pending" | "done" | "held" | "rejected";

export interface Status {
  /** Its name. */
  readonly service: string;
  /** What it is at: starting, standby, waiting, running, halted or stopping. */
  readonly state: string;
  /** Why it gives nothing more up. */
  readonly halted: string | null;
  /** What has not worked for some seconds. */
  readonly waits: readonly (Wait)[];
  /** What it counted since it was started, by collection. */
  readonly traffic: Readonly<Record<string, Traffic>>;
  /** What it tells of each collection that it serves. */
  readonly collections: Readonly<Record<string, Told>>;
}

export interface StepOfRun {
  /** The record's id. */
  readonly id: string;
  /** Its step. */
  readonly iteration: number;
  /** Its type. */
  readonly type: string;
  /** When it was made, as its source says. */
  readonly timestamp: string | null;
  /** The first characters of its text. */
  readonly beginning: string;
  /** Its place on the map. */
  readonly x: number;
  /** Its place on the map. */
  readonly y: number;
}

export interface SubmittedJob {
  /** The source, as it was asked for. */
  readonly source: string;
  /** Its job; null if there is none. */
  readonly job: JobRecord | null;
  /** Why there is none. */
  readonly reason: string | null;
}

export interface SubmittedJobs {
  /** The command was carried out. */
  readonly status: "ok";
  /** The command's, as in every event about it. */
  readonly correlation_id: string;
  /** The collection. */
  readonly collection: string;
  /** Ids of the jobs that there are. */
  readonly job_ids: readonly (string)[];
  /** For each source its job, or why it has none. */
  readonly jobs: readonly (SubmittedJob)[];
}

export interface TableView {
  /**  */
  readonly name: string | null;
  /**  */
  readonly header: readonly (number)[];
  /**  */
  readonly notes: readonly (Readonly<Record<string, unknown>>)[];
  /**  */
  readonly columns: readonly (ColumnView)[];
  /**  */
  readonly rows: number;
  /**  */
  readonly bad_rows: number;
}

export interface TakenFile {
  /** What it was called. */
  readonly given_name: string;
  /** added: its job is queued; pending: discovery has not answered yet, `GET /operations/{correlation_id}` tells; refused: nothing of it is kept. */
  readonly state: "added" | "pending" | "refused";
  /** Why it was refused. */
  readonly reason: string | null;
  /** Of a source: its id. */
  readonly source_id: string | null;
  /** Of a source: its name on the map. */
  readonly filename: string | null;
  /** How many bytes have come. */
  readonly size_bytes: number | null;
  /** The hash of them. */
  readonly sha256: string | null;
  /** The job that has it read, see `GET /api/jobs/{job}`; of a pending one, the job that it gets when discovery takes it. */
  readonly job: string | null;
  /** Of the command that it was told to discovery by. */
  readonly correlation_id: string | null;
}

export interface Told {
}

export interface Traffic {
  /** Records that came in. */
  readonly records_in: number;
  /** Records that went out. */
  readonly records_out: number;
  /** Failures of handlers. */
  readonly failed: number;
  /** Messages that came again. */
  readonly redelivered: number;
  /** Records that were given up. */
  readonly dead: number;
  /** Calls of handlers. */
  readonly handled: number;
  /** How long those took together, seconds. */
  readonly handling_s: number;
  /** Batches that it was done with. */
  readonly aged: number;
  /** How old those were then, together, seconds since they were sent. */
  readonly age_s: number;
}

export interface UnreadableStatus {
  /** Its name. */
  readonly service: string;
  /** That it cannot be read. */
  readonly state: "unreadable";
  /** Why it gives nothing more up. */
  readonly halted: string | null;
  /** What has not worked for some seconds. */
  readonly waits: readonly (Wait)[];
  /** What it counted since it was started, by collection. */
  readonly traffic: Readonly<Record<string, Traffic>>;
  /** What it tells of each collection that it serves. */
  readonly collections: Readonly<Record<string, Told>>;
  /** The field, and what is wrong with it. */
  readonly unreadable: string;
}

export interface UploadAnswer {
  /** Where they belong. */
  readonly collection: string;
  /** Each of them. */
  readonly files: readonly (TakenFile)[];
}

export interface UploadFacts {
  /** SHA-256 of its bytes. */
  readonly blob: string;
  /** Of what brought it. */
  readonly job_id: string;
  /** How many there are. */
  readonly size_bytes: number;
  /** What it was said to be when it was handed in. */
  readonly media_type: string;
  /** When its last byte came, in UTC. */
  readonly uploaded_at: string;
  /** Who handed it in. */
  readonly uploaded_by: string;
  /** The columns that make the text of a record; none: all of them. */
  readonly text_columns: readonly (string)[];
  /** The columns that are kept as attributes; null: all that make no text. */
  readonly context_columns: readonly (string)[] | null;
  /** Where it was fetched from; null: somebody handed it in. */
  readonly url: string | null;
  /** The version of the collection's preferences that its columns are of; null: they are its own. */
  readonly preferences: number | null;
}

export interface UploadRules {
  /** The largest file. */
  readonly max_file_bytes: number;
  /** The most files of one request. */
  readonly max_files: number;
  /** The most that the files of a collection may take. */
  readonly quota_bytes: number;
  /** The most resumable uploads of a person in a collection that are not at their end. */
  readonly max_unfinished: number;
  /** The longest name, in UTF-8. */
  readonly max_name_bytes: number;
  /** What is read; what a file is, its content tells. */
  readonly formats: readonly (string)[];
  /** The header that an upload needs, with any value. */
  readonly header: string;
}

export interface Uploaded {
  /** The command's, as in every event about it. */
  readonly correlation_id: string;
  /** The collection. */
  readonly collection: string;
  /** Hash of collection and filename. */
  readonly source_id: string;
  /** Its name on the map. */
  readonly filename: string;
  /** Whether it takes the place of another content. */
  readonly has_replaced: boolean;
  /** The job that has it read. */
  readonly job: string | null;
}

export interface Wait {
  /** What it waits for, or tries. */
  readonly what: string;
  /** The last error. */
  readonly reason: string;
  /** When it failed for the first time. */
  readonly since: string;
}

export interface Waiting {
  /** What it waits for, or tries. */
  readonly what: string;
  /** The last error. */
  readonly reason: string;
  /** When it failed for the first time. */
  readonly since: string;
  /** The service. */
  readonly stage: string;
}

export interface WholeLetter {
  /** Its number: its place in stream DEAD_LETTERS. */
  readonly sequence: number;
  /** When it was given up. */
  readonly stored_at: string;
  /** The stage that gave it up. */
  readonly stage: string;
  /** The collection. */
  readonly collection: string;
  /** Why. */
  readonly reason: string;
  /** How often it was tried. */
  readonly attempts: number;
  /** Records that are dead with it. */
  readonly records: number;
  /** Path of its source below its root. */
  readonly filename: string | null;
  /** Its line there, from 1. */
  readonly line: number | null;
  /** Of a run of lines: the last of them. */
  readonly last_line: number | null;
  /** Where it begins there, in bytes from 0. */
  readonly byte_offset: number | null;
  /** Its size at its origin. */
  readonly bytes: number;
  /** The record, if it is one. */
  readonly record_id: string | null;
  /** Hash of collection and filename. */
  readonly source_id: string | null;
  /** The version of the source. */
  readonly source_version: number | null;
  /** The batch that it was part of, or is. */
  readonly batch_id: string | null;
  /** Of a whole message: where it was read. */
  readonly subject: string | null;
  /** Its bytes as text; null if they are no UTF-8. */
  readonly text: string | null;
  /** Its bytes, if they are no text. */
  readonly base64: string | null;
  /** Of a record or batch: its records without vectors; NaN is null. */
  readonly rows: readonly (Readonly<Record<string, unknown>>)[] | null;
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

export interface WritingStatus {
  /** Its name. */
  readonly service: string;
  /** What it is at: starting, standby, waiting, running, halted or stopping. */
  readonly state: string;
  /** Why it gives nothing more up. */
  readonly halted: string | null;
  /** What has not worked for some seconds. */
  readonly waits: readonly (Wait)[];
  /** What it counted since it was started, by collection. */
  readonly traffic: Readonly<Record<string, Traffic>>;
  /** The dataset of each collection. */
  readonly collections: Readonly<Record<string, DatasetFigures>>;
}
