// What becomes of the columns of a table, whether it is handed in or fetched.

import type { Preferences, UploadFacts } from "../api/schema.ts";

export const USES = ["text", "context", "none"] as const;
/** What becomes of a column: it makes the text, is kept beside it, or is left out. */
export type Use = (typeof USES)[number];
/** By column; of one that is not in here, as at first: text. */
export type Uses = Readonly<Record<string, Use>>;

export function useOf(uses: Uses, column: string): Use {
  return uses[column] ?? "text";
}

/** Say what becomes of columns by what their collection prefers. */
export function usesOf(columns: readonly string[], preferred: Preferences | null): Uses {
  const text = (preferred?.text_columns ?? []).filter((one) => columns.includes(one));
  const context = preferred?.context_columns ?? null;
  if (!preferred || (text.length === 0 && context === null)) return {};
  const use = (one: string): Use => {
    if (text.length === 0 || text.includes(one)) return "text";
    return context === null || context.includes(one) ? "context" : "none";
  };
  return Object.fromEntries(columns.map((one) => [one, use(one)]));
}

/** Whether any of some columns makes the text. */
export function makesText(columns: readonly string[], uses: Uses): boolean {
  return columns.some((one) => useOf(uses, one) === "text");
}

/** Say which columns make the text and which are kept, as the gateway is told. */
export function chosenOf(columns: readonly string[], uses: Uses) {
  const of = (use: Use) => columns.filter((one) => useOf(uses, one) === use);
  return { text_columns: of("text"), context_columns: of("context") };
}

/** Say what became of a column that records have, by what was chosen for their file. */
export function useOfKept(column: string, upload: UploadFacts | null): Use {
  const texts = upload?.text_columns ?? [];
  return texts.length === 0 || texts.includes(column) ? "text" : "context";
}

/** Say what becomes of columns as of the file that another one takes the place of. */
export function usesAsOf(columns: readonly string[], upload: UploadFacts): Uses {
  const text = upload.text_columns.filter((one) => columns.includes(one));
  if (text.length === 0) return {};
  const kept = upload.context_columns;
  const use = (one: string): Use =>
    text.includes(one) ? "text" : kept === null || kept.includes(one) ? "context" : "none";
  return Object.fromEntries(columns.map((one) => [one, use(one)]));
}
