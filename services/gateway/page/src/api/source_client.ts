// Calls about sources: what a collection has, files that are handed in, and jobs.

import { PATHS } from "./client.ts";
import { AwayError, asked, query, RefusedError, sending } from "./http.ts";
import { settled } from "./operations.ts";
import { isResumable, resumed } from "./resumed.ts";
import type {
  EffectPage,
  IncompleteSource,
  JobPage,
  ListedManifest,
  ManifestRecord,
  Manifests,
  PreferencePage,
  Preview,
  Problem,
  SchedulePage,
  ScheduleRecord,
  SourcePage,
  Sources,
  SubmittedJobs,
  TakenFile,
  UploadAnswer,
  UploadRules,
} from "./schema.ts";

/** What no form of another site can send. */
const MARK = { "x-mapstream-upload": "page" };

/** Which sources are listed. */
export interface SourceFilter {
  readonly text: string;
  readonly states: readonly string[];
  readonly kind: string;
}

/** How the columns of a file are used, and whether it takes the place of the one of its name. */
export interface UploadWish {
  readonly replace: boolean;
  readonly text_columns?: readonly string[];
  readonly context_columns?: readonly string[];
  /** own: as said here; kept: and the collection prefers them from then on. */
  readonly columns?: "own" | "kept";
}

/** What is to be fetched once, and how its columns are used. */
export interface FetchWish {
  readonly urls: readonly string[];
  readonly text_columns?: readonly string[];
  readonly context_columns?: readonly string[];
  /** own: as said here; not given: as the collection prefers. */
  readonly columns?: "own";
}

/** Of what is done every few hours. */
export type RegularChange = Readonly<{ is_paused?: boolean; every_hours?: number }>;

/** A list of sources: where it lies, or the list itself. */
export type ManifestWish = Readonly<{
  name?: string;
  url?: string;
  content?: string;
  every_hours: number;
}>;

export type JobWish = Readonly<{
  kind: "re-embed" | "delete";
  sources: readonly string[];
  is_fresh?: boolean;
  /** Whether a job that has one of them is cancelled first. */
  cancels?: boolean;
}>;

export class SourceClient {
  page(
    collection: string,
    filter: SourceFilter,
    after: string,
    limit: number,
  ): Promise<SourcePage> {
    const said = new URLSearchParams({ after, limit: `${limit}` });
    if (filter.text) said.set("q", filter.text);
    if (filter.kind) said.set("kind", filter.kind);
    for (const state of filter.states) said.append("state", state);
    return asked(`${placed(PATHS.listed, collection)}?${said}`);
  }

  /** Which columns a collection prefers. */
  preferences(collection: string): Promise<PreferencePage> {
    return asked(placed(PATHS.preferences, collection));
  }

  limits(): Promise<UploadRules> {
    return asked(PATHS.limits);
  }

  /** Tell how a file would be read; nothing of it is kept. */
  look(file: File, signal: AbortSignal): Promise<Preview> {
    const body = new FormData();
    body.append("file", file);
    return asked(PATHS.look, { method: "POST", headers: MARK, body, signal });
  }

  jobs(collection: string, states: readonly string[], limit: number): Promise<JobPage> {
    const said = new URLSearchParams({ collection, limit: `${limit}` });
    for (const state of states) said.append("state", state);
    return asked(`${PATHS.jobs}?${said}`);
  }

  /** Some of the sources that are incomplete, and why. */
  async incomplete(collection: string): Promise<readonly IncompleteSource[]> {
    const told = await asked<Sources>(`${PATHS.sources}?${query({ collection })}`);
    return told.incomplete ?? [];
  }

  /** One job, with its log. */
  job(id: string): Promise<JobPage> {
    return asked(placed(PATHS.job, id));
  }

  submit(collection: string, wish: JobWish): Promise<SubmittedJobs> {
    return settled(asked(`${PATHS.jobs}?${query({ collection })}`, sending("POST", wish)));
  }

  /** Queue a job for each URL. */
  fetch(collection: string, wish: FetchWish): Promise<SubmittedJobs> {
    return settled(asked(`${PATHS.fetches}?${query({ collection })}`, sending("POST", wish)));
  }

  cancel(id: string): Promise<unknown> {
    return asked(placed(PATHS.cancel, id), { method: "POST" });
  }

  retry(id: string): Promise<unknown> {
    return asked(placed(PATHS.retry, id), { method: "POST" });
  }

  schedules(collection: string): Promise<SchedulePage> {
    return asked(`${PATHS.schedules}?${query({ collection })}`);
  }

  addSchedule(collection: string, url: string, every_hours: number): Promise<ScheduleRecord> {
    const wish = { url, every_hours };
    return asked(`${PATHS.schedules}?${query({ collection })}`, sending("POST", wish));
  }

  changeSchedule(id: string, change: RegularChange): Promise<ScheduleRecord> {
    return asked(placed(PATHS.schedule, id), sending("PATCH", change));
  }

  removeSchedule(id: string): Promise<ScheduleRecord> {
    return asked(placed(PATHS.schedule, id), { method: "DELETE" });
  }

  runSchedule(id: string): Promise<ScheduleRecord> {
    return asked(placed(PATHS.runSchedule, id), { method: "POST" });
  }

  manifests(collection: string): Promise<Manifests> {
    return asked(`${PATHS.manifests}?${query({ collection })}`);
  }

  /** One, with what it lists. */
  manifest(id: string): Promise<ListedManifest> {
    return asked(placed(PATHS.manifest, id));
  }

  applyManifest(collection: string, wish: ManifestWish): Promise<ManifestRecord> {
    return asked(`${PATHS.manifests}?${query({ collection })}`, sending("PUT", wish));
  }

  changeManifest(id: string, change: RegularChange): Promise<ManifestRecord> {
    return asked(placed(PATHS.manifest, id), sending("PATCH", change));
  }

  removeManifest(id: string): Promise<ManifestRecord> {
    return asked(placed(PATHS.manifest, id), { method: "DELETE" });
  }

  runManifest(id: string): Promise<ManifestRecord> {
    return asked(placed(PATHS.runManifest, id), { method: "POST" });
  }

  effects(collection: string, limit: number): Promise<EffectPage> {
    return asked(`${PATHS.effects}?${query({ collection, limit: `${limit}` })}`);
  }

  /** Hand a file in, and be told how many bytes of it went; a large one goes on after a break. */
  upload(
    collection: string,
    file: File,
    wish: UploadWish,
    tell: (sent: number) => void,
    signal: AbortSignal,
  ): Promise<TakenFile> {
    if (isResumable(file, wish)) {
      return resumed(placed(PATHS.resumable, collection), file, wish, tell, signal);
    }
    const body = new FormData();
    body.append("options", JSON.stringify(wish));
    body.append("files", file);
    const request = new XMLHttpRequest(); // `fetch` tells nobody how far it is
    request.open("POST", placed(PATHS.listed, collection));
    for (const [name, value] of Object.entries(MARK)) request.setRequestHeader(name, value);
    signal.addEventListener("abort", () => request.abort());
    return new Promise((resolve, reject) => {
      request.upload.onprogress = ({ loaded }) => tell(Math.min(loaded, file.size));
      request.onerror = () => reject(new AwayError("the gateway does not answer"));
      request.onabort = () => reject(new DOMException("left", "AbortError"));
      request.onload = () => {
        try {
          resolve(taken(request.status, JSON.parse(request.responseText)));
        } catch (error) {
          reject(error);
        }
      };
      request.send(body);
    });
  }
}

function taken(status: number, told: UploadAnswer | Problem): TakenFile {
  const file = "files" in told ? (told.files as readonly TakenFile[])[0] : undefined;
  if (file) return file;
  throw new RefusedError(status, "detail" in told ? told.detail : `${status}`);
}

function placed(path: string, id: string): string {
  return path.replace(/\{\w+\}/, encodeURIComponent(id));
}
