// Tells how much of an answer has come, while it comes.

const TELL_MS = 150;

/** Told how much of an answer has come, in bytes. */
export type Progress = (bytes: number) => void;

/** Tell how many bytes have come, now and then. */
export async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let told = performance.now();
  for await (const piece of pieces) {
    bytes += piece.length;
    if (performance.now() - told > TELL_MS) {
      progress(bytes);
      told = performance.now();
    }
    yield piece;
  }
}
