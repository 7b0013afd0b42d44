// Hands a large file in by tus 1.0.0: after a break it goes on from where that was.

import { AwayError, asked, fetched, RefusedError } from "./http.ts";
import type { ResumableUpload, TakenFile } from "./schema.ts";

/** Files beyond this come in pieces, each so large. */
export const PIECE_BYTES = 4 << 20;
const TRIES = 30;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;
const TUS = { "tus-resumable": "1.0.0" };
/** What a piece is answered with that can be sent again, besides errors of the server. */
const AGAIN: readonly number[] = [400, 408, 409, 423];
/** Beyond this much is said of a file, its head would be too long. */
const MOST_SAID = 8000;

/** Write what is said of a file as the protocol wants it. */
export function metadata(file: File, wish: object): string {
  const said = Object.entries(wish).map(([key, value]) => [key, JSON.stringify(value)]);
  return [["filename", file.name], ...said]
    .map(([key, value]) => {
      const bytes = new TextEncoder().encode(value);
      return `${key} ${btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""))}`;
    })
    .join(",");
}

/** Whether a file is worth it, and can be handed in so. */
export function isResumable(file: File, wish: object): boolean {
  return file.size > PIECE_BYTES && metadata(file, wish).length <= MOST_SAID;
}

/** Hand a file in piece by piece; whoever leaves has it let go. */
export async function resumed(
  path: string,
  file: File,
  wish: object,
  tell: (sent: number) => void,
  signal: AbortSignal,
): Promise<TakenFile> {
  const said = { "upload-length": `${file.size}`, "upload-metadata": metadata(file, wish) };
  const begun = await fetched(path, { method: "POST", headers: { ...TUS, ...said }, signal });
  const place = begun.headers.get("location") ?? "";
  const leave = () => void fetched(place, { method: "DELETE", headers: TUS }).catch(() => {});
  try {
    let offset = 0;
    for (let failures = 0; failures <= TRIES; ) {
      await send(place, file, offset, signal);
      const told = await look(place, signal);
      if (told?.file) return told.file;
      const isOn = told !== null && told.offset > offset;
      offset = told?.offset ?? offset;
      tell(offset);
      failures = isOn ? 0 : failures + 1;
      if (!isOn) await pause(Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS));
    }
  } finally {
    if (signal.aborted) leave();
  }
  throw new AwayError("the gateway does not answer");
}

/** Send a piece; how much of it came, the upload itself tells. */
async function send(place: string, file: File, offset: number, signal: AbortSignal) {
  const kind = { "content-type": "application/offset+octet-stream", "upload-offset": `${offset}` };
  const body = file.slice(offset, offset + PIECE_BYTES);
  const init = { method: "PATCH", headers: { ...TUS, ...kind }, body, signal };
  await unlessBroken(fetched(place, init));
}

function look(place: string, signal: AbortSignal): Promise<ResumableUpload | null> {
  return unlessBroken(asked<ResumableUpload>(place, { signal }));
}

/** Take what may go better the next time for nothing. */
async function unlessBroken<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
  try {
    return await answer;
  } catch (error) {
    const status = error instanceof RefusedError ? error.status : 0;
    if (error instanceof AwayError || status >= 500 || AGAIN.includes(status)) return null;
    throw error;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
