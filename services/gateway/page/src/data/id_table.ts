// Finds the row of an id among a million without a million strings: ids stay bytes.

const NONE = -1;
const FIRST_SLOTS = 1024;
const text = new TextDecoder();
const bytes = new TextEncoder();

/** Ids in the order in which they were added, and a hash table over them. */
export class IdTable {
  size = 0;
  #arena = new Uint8Array(FIRST_SLOTS * 32);
  #ends = new Uint32Array(FIRST_SLOTS);
  #slots = new Int32Array(FIRST_SLOTS).fill(NONE);

  /** The ids, one after another. */
  get bytes(): Uint8Array {
    return this.#arena;
  }

  /** Where each of them ends. */
  get ends(): Uint32Array {
    return this.#ends;
  }

  /** Return the row of an id that stands in some bytes; -1 if it is not known. */
  find(source: Uint8Array, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(source, start, end) & mask;
    for (;;) {
      const row = this.#slots[slot] as number;
      if (row === NONE || this.#is(row, source, start, end)) return row;
      slot = (slot + 1) & mask;
    }
  }

  /** Return the row of an id; -1 if it is not known. */
  findText(id: string): number {
    const source = bytes.encode(id);
    return this.find(source, 0, source.length);
  }

  /** Add an id that is not there yet; returns its row. */
  add(source: Uint8Array, start: number, end: number): number {
    if ((this.size + 1) * 2 > this.#slots.length) this.#grow();
    const from = this.#start(this.size);
    const to = from + end - start;
    if (to > this.#arena.length) this.#arena = grown(this.#arena, Math.max(to, 2 * from));
    this.#arena.set(source.subarray(start, end), from);
    this.#ends[this.size] = to;
    this.#put(this.size);
    this.size += 1;
    return this.size - 1;
  }

  /** Return the id of a row as text. */
  textOf(row: number): string {
    return text.decode(this.#arena.subarray(this.#start(row), this.#ends[row]));
  }

  /** Return the row that another table has for the same id; -1 if it has none. */
  rowIn(other: IdTable, row: number): number {
    return other.find(this.#arena, this.#start(row), this.#ends[row] as number);
  }

  #start(row: number): number {
    return row === 0 ? 0 : (this.#ends[row - 1] as number);
  }

  #is(row: number, source: Uint8Array, start: number, end: number): boolean {
    const from = this.#start(row);
    if ((this.#ends[row] as number) - from !== end - start) return false;
    for (let i = start, j = from; i < end; i += 1, j += 1) {
      if (source[i] !== this.#arena[j]) return false;
    }
    return true;
  }

  #put(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash(this.#arena, this.#start(row), this.#ends[row] as number) & mask;
    while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
    this.#slots[slot] = row;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(NONE);
    const ends = new Uint32Array(this.#slots.length / 2);
    ends.set(this.#ends.subarray(0, this.size));
    this.#ends = ends;
    for (let row = 0; row < this.size; row += 1) this.#put(row);
  }
}

function grown(old: Uint8Array, least: number): Uint8Array<ArrayBuffer> {
  const fresh = new Uint8Array(least);
  fresh.set(old);
  return fresh;
}

// FNV-1a over the last bytes: ids are hashes already, or differ at their end.
function hash(source: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let i = Math.max(start, end - 16); i < end; i += 1) {
    value = Math.imul(value ^ (source[i] as number), 0x01000193);
  }
  return (value ^ (value >>> 15)) >>> 0;
}
