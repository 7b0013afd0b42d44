// Few different words of many rows: each gets a number when it is first met.

import { IdTable } from "./id_table.ts";

const text = new TextDecoder();
const bytes = new TextEncoder();

/** Words by number, and numbers by word. */
export class Labels {
  readonly words: string[] = [];
  /** The rank that each had when its rank was first asked for: those with more rows come first. */
  readonly ranks: number[] = [];
  /** Names of files often end alike, so all of their bytes count. */
  #codes = new IdTable(Infinity);

  /** Return the number of a word, a new one if it was not met before. */
  code(word: string): number {
    const source = bytes.encode(word);
    return this.codeOf(source, 0, source.length);
  }

  /** Return the number of a word that stands in some bytes, a new one if it was not met before. */
  codeOf(source: Uint8Array, start: number, end: number): number {
    const code = this.#codes.add(source, start, end);
    if (code === this.words.length) this.words.push(text.decode(source.subarray(start, end)));
    return code;
  }

  /** Rank the words that have none yet, behind those that do: colours stay when others come. */
  rank(counts: ArrayLike<number>): void {
    const from = this.ranks.length;
    const fresh = this.words.slice(from).map((_, i) => from + i);
    const order = fresh.sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b);
    order.forEach((code, i) => {
      this.ranks[code] = from + i;
    });
  }
}
