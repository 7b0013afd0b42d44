// Few different words of many rows: each gets a number when it is first met.

const text = new TextDecoder();

/** Words by number, and numbers by word. */
export class Labels {
  readonly words: string[] = [];
  #codes = new Map<string, number>();

  /** Return the number of a word, a new one if it was not met before. */
  code(word: string): number {
    let code = this.#codes.get(word);
    if (code === undefined) {
      code = this.words.length;
      this.words.push(word);
      this.#codes.set(word, code);
    }
    return code;
  }
}

/** Turns words that stand in bytes, one after another, into numbers; repeats cost nothing. */
export class LabelReader {
  #start = 0;
  #end = -1;
  #code = 0;

  constructor(
    private readonly labels: Labels,
    private readonly source: Uint8Array,
  ) {}

  /** Return the number of the word between two places. */
  read(start: number, end: number): number {
    if (!this.#isSame(start, end)) {
      this.#code = this.labels.code(text.decode(this.source.subarray(start, end)));
      this.#start = start;
      this.#end = end;
    }
    return this.#code;
  }

  #isSame(start: number, end: number): boolean {
    if (end - start !== this.#end - this.#start) return false;
    for (let i = 0; i < end - start; i += 1) {
      if (this.source[start + i] !== this.source[this.#start + i]) return false;
    }
    return true;
  }
}
