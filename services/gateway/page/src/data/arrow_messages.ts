// Cuts an Arrow stream into its messages while it comes.

import { AwayError } from "../api/http.ts";

const CONTINUES = 0xffffffff;
const PREFIX = 8;
const BODY_LENGTH = 3; // of the fields of a message's table
const HIGH = 2 ** 32;

/** Give each message whole, with its prefix and its body, in parts; ends where the stream does.
 *
 * Throws AwayError if what comes ends before, or is no such stream.
 */
export async function* messagesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  const buffer = new Pieces(pieces[Symbol.asyncIterator]());
  for (;;) {
    const prefix = view(await buffer.peek(PREFIX));
    if (prefix.getUint32(0, true) !== CONTINUES) throw new AwayError("this is no Arrow stream");
    const size = prefix.getInt32(4, true);
    if (size === 0) return;
    const head = await buffer.peek(PREFIX + size);
    yield await buffer.take(PREFIX + size + bodyLength(head.subarray(PREFIX)));
  }
}

/** Read from a message's flat buffer how many bytes follow it. */
function bodyLength(message: Uint8Array): number {
  const told = view(message);
  const table = told.getUint32(0, true);
  const fields = table - told.getInt32(table, true);
  const at = 4 + 2 * BODY_LENGTH;
  const offset = at < told.getUint16(fields, true) ? told.getUint16(fields + at, true) : 0;
  if (offset === 0) return 0;
  return told.getUint32(table + offset, true) + HIGH * told.getUint32(table + offset + 4, true);
}

/** Bytes that come in pieces of any size. */
class Pieces {
  #held: Uint8Array[] = [];
  #size = 0;

  constructor(private readonly source: AsyncIterator<Uint8Array>) {}

  /** Return so many of the next bytes, which are few, and leave them. */
  async peek(size: number): Promise<Uint8Array> {
    await this.#fetch(size);
    const found: Uint8Array[] = [];
    let missing = size;
    for (const piece of this.#held) {
      if (missing === 0) break;
      found.push(piece.subarray(0, missing));
      missing -= Math.min(missing, piece.length);
    }
    return joined(found);
  }

  /** Return the next bytes, in parts. */
  async take(size: number): Promise<Uint8Array[]> {
    await this.#fetch(size);
    const found: Uint8Array[] = [];
    let missing = size;
    while (missing > 0) {
      const piece = this.#held[0] as Uint8Array;
      found.push(piece.subarray(0, missing));
      if (piece.length > missing) this.#held[0] = piece.subarray(missing);
      else this.#held.shift();
      missing -= Math.min(missing, piece.length);
    }
    this.#size -= size;
    return found;
  }

  async #fetch(size: number): Promise<void> {
    while (this.#size < size) {
      const { done, value } = await this.source.next();
      if (done) throw new AwayError("the gateway's answer broke off");
      this.#held.push(value);
      this.#size += value.length;
    }
  }
}

/** Put bytes one after another. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
