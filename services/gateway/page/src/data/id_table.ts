// Finds the row of an id among a million without a million strings: ids stay bytes.

const NONE = -1;
const FIRST_SLOTS = 1024;
const TAIL = 16;
const COPIED_AT_ONCE = 128;
const text = new TextDecoder();
const bytes = new TextEncoder();

/** Ids in the order in which they were added, and a hash table over them. */
export class IdTable {
  size = 0;
  #arena = new Uint8Array(FIRST_SLOTS * 32);
  #ends = new Uint32Array(FIRST_SLOTS / 2);
  /** The hash of each id: whoever has another is not compared. */
  #tags = new Uint32Array(FIRST_SLOTS / 2);
  #slots = new Int32Array(FIRST_SLOTS).fill(NONE);

  /** Take how many bytes of an id, counted from its end, are hashed. */
  constructor(private readonly tail = TAIL) {}

  /** Return the row of an id that stands in some bytes; -1 if it is not known. */
  find(source: Uint8Array, start: number, end: number): number {
    return this.#find(hash(source, start, end, this.tail), source, start, end);
  }

  /** Return the row of an id; -1 if it is not known. */
  findText(id: string): number {
    const source = bytes.encode(id);
    return this.find(source, 0, source.length);
  }

  /** Return the rows of many ids, in their order; those that are not known are left out. */
  findAllTexts(ids: readonly string[]): Uint32Array {
    const source = bytes.encode(ids.join(""));
    const rows = new Uint32Array(ids.length);
    let count = 0;
    let start = 0;
    for (const id of ids) {
      const end = start + lengthOf(id);
      const row = this.find(source, start, end);
      if (row !== NONE) rows[count++] = row;
      start = end;
    }
    return rows.subarray(0, count);
  }

  /** Make room for so many ids at once: growing later means to put each in its place again. */
  reserve(count: number): void {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(1, count) * 2 + 2));
    if (slots > this.#slots.length) this.#grow(slots);
    if (this.size === 0) return;
    const each = Math.ceil(this.#start(this.size) / this.size);
    if (count * each > this.#arena.length) this.#arena = grown(this.#arena, count * each);
  }

  /** Return the row of an id, which is added if it is not there yet. */
  add(source: Uint8Array, start: number, end: number): number {
    this.#roomFor(this.size + 1);
    const tag = hash(source, start, end, this.tail);
    const slot = this.#slotOf(tag, source, start, end);
    const row = this.#slots[slot] as number;
    return row === NONE ? this.#enter(slot, tag, this.#copy(source, start, end)) : row;
  }

  /** Add ids that stand one after another, and say which rows they have. */
  addAll(source: Uint8Array, ends: ArrayLike<number>, count: number): Uint32Array {
    const rows = new Uint32Array(count);
    this.#roomFor(this.size + count);
    // Most often all are new: then their bytes are copied at once, and each is only looked up.
    const begin = this.#start(this.size);
    this.#copy(source, 0, count === 0 ? 0 : (ends[count - 1] as number));
    let start = 0;
    let areNew = true;
    for (let i = 0; i < count; i += 1) {
      const end = ends[i] as number;
      if (areNew) {
        const tag = hash(source, start, end, this.tail);
        const slot = this.#slotOf(tag, source, start, end);
        areNew = this.#slots[slot] === NONE;
        if (areNew) {
          rows[i] = this.#enter(slot, tag, begin + end);
          start = end;
          continue;
        }
      }
      rows[i] = this.add(source, start, end);
      start = end;
    }
    return rows;
  }

  /** Add ids of another table that are not here yet, each once: rows from a number to another. */
  take(other: IdTable, from: number, to: number): void {
    this.#roomFor(this.size + to - from);
    const start = other.#start(from);
    const begin = this.#start(this.size);
    this.#copy(other.#arena, start, other.#start(to));
    for (let row = from; row < to; row += 1) {
      const fresh = this.size + row - from;
      this.#ends[fresh] = (other.#ends[row] as number) - start + begin;
      this.#tags[fresh] = other.#tags[row] as number;
      this.#put(fresh);
    }
    this.size += to - from;
  }

  /** Return the id of a row as text. */
  textOf(row: number): string {
    return text.decode(this.#arena.subarray(this.#start(row), this.#ends[row]));
  }

  /** Return the row that another table has for the same id, perhaps a certain one; -1: none. */
  rowIn(other: IdTable, row: number, perhaps = NONE): number {
    const tag = this.#tags[row] as number;
    const [start, end] = [this.#start(row), this.#ends[row] as number];
    const isLikely = perhaps >= 0 && perhaps < other.size && other.#tags[perhaps] === tag;
    if (isLikely && other.#is(perhaps, this.#arena, start, end)) return perhaps;
    return other.#find(tag, this.#arena, start, end);
  }

  #find(tag: number, source: Uint8Array, start: number, end: number): number {
    return this.#slots[this.#slotOf(tag, source, start, end)] as number;
  }

  /** Return where the row of an id is, or would be. */
  #slotOf(tag: number, source: Uint8Array, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    let slot = tag & mask;
    for (;;) {
      const row = this.#slots[slot] as number;
      if (row === NONE) return slot;
      if (this.#tags[row] === tag && this.#is(row, source, start, end)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  /** Give the next row to an id whose bytes end at a place. */
  #enter(slot: number, tag: number, end: number): number {
    const row = this.size;
    this.#slots[slot] = row;
    this.#tags[row] = tag;
    this.#ends[row] = end;
    this.size += 1;
    return row;
  }

  #roomFor(count: number): void {
    if (count * 2 <= this.#slots.length) return;
    this.#grow(Math.max(2 * this.#slots.length, 2 ** Math.ceil(Math.log2(count * 2))));
  }

  #start(row: number): number {
    return row === 0 ? 0 : (this.#ends[row - 1] as number);
  }

  #is(row: number, source: Uint8Array, start: number, end: number): boolean {
    const arena = this.#arena;
    const from = this.#start(row);
    if ((this.#ends[row] as number) - from !== end - start) return false;
    for (let i = start, j = from; i < end; i += 1, j += 1) {
      if (source[i] !== arena[j]) return false;
    }
    return true;
  }

  /** Put bytes behind those that there are; returns where they end. */
  #copy(source: Uint8Array, start: number, end: number): number {
    const from = this.#start(this.size);
    const to = from + end - start;
    if (to > this.#arena.length) this.#arena = grown(this.#arena, Math.max(to, 2 * from));
    const arena = this.#arena;
    if (end - start > COPIED_AT_ONCE) arena.set(source.subarray(start, end), from);
    else for (let i = start, j = from; i < end; i += 1, j += 1) arena[j] = source[i] as number;
    return to;
  }

  #put(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = (this.#tags[row] as number) & mask;
    while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
    this.#slots[slot] = row;
  }

  #grow(slots: number): void {
    this.#slots = new Int32Array(slots).fill(NONE);
    this.#ends = widened(this.#ends, slots / 2);
    this.#tags = widened(this.#tags, slots / 2);
    for (let row = 0; row < this.size; row += 1) this.#put(row);
  }
}

/** Return how many bytes of UTF-8 a text has. */
function lengthOf(id: string): number {
  for (let i = 0; i < id.length; i += 1) {
    if (id.charCodeAt(i) > 0x7f) return bytes.encode(id).length;
  }
  return id.length;
}

function grown(old: Uint8Array, least: number): Uint8Array<ArrayBuffer> {
  const fresh = new Uint8Array(least);
  fresh.set(old);
  return fresh;
}

function widened(old: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const fresh = new Uint32Array(length);
  fresh.set(old);
  return fresh;
}

// FNV-1a over the last bytes: ids of records are hashes already.
function hash(source: Uint8Array, start: number, end: number, tail: number): number {
  let value = 0x811c9dc5;
  for (let i = Math.max(start, end - tail); i < end; i += 1) {
    value = Math.imul(value ^ (source[i] as number), 0x01000193);
  }
  return (value ^ (value >>> 15)) >>> 0;
}
