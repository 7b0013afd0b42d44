// Words that were looked for, where they stand in a text.

/** Cut a text into parts; every second one is such a word, the first is not. Cases are alike. */
export function marked(text: string, words: readonly string[]): readonly string[] {
  const longestFirst = [...words].sort((one, other) => other.length - one.length);
  const pattern = longestFirst.map((one) => one.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  return pattern ? text.split(new RegExp(`(${pattern})`, "iu")) : [text];
}
