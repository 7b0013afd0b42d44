// How things of the map are called, in the reader's language.

import { html } from "lit";
import type { Run, WholeRecord } from "../api/schema.ts";
import { type Entry, FIELDS, type Field } from "../data/coding.ts";
import { isRow } from "../data/rows_of_tables.ts";
import { counted, type Message, t, written, writtenDay } from "../i18n/index.ts";
import { ARRIVAL } from "../state/columns.ts";

const ATTRIBUTES = "attributes.";
const DAY_MS = 86_400_000;
export const FIELD_NAMES: Record<(typeof FIELDS)[number], Message> = {
  type: "by_type",
  source: "by_source",
  step: "by_step",
  time: "by_time",
};

/** Name what the colours mean. */
export function fieldName(field: Field): string {
  const own = FIELDS.find((one) => one === field);
  return own ? t(FIELD_NAMES[own]) : columnName(field.slice(1));
}

/** Name a column of the records. */
export function columnName(name: string): string {
  if (name === ARRIVAL) return t("by_arrival");
  const plain = name.startsWith(ATTRIBUTES) ? name.slice(ATTRIBUTES.length) : name;
  return plain.replaceAll("_", " ");
}

/** Name an entry of the legend. */
export function nameOf({ meaning }: Entry, field: Field): string {
  if (meaning.kind === "others") return t("others");
  if (meaning.kind === "unknown") return t(field === "step" ? "rows_of_tables" : "unknown");
  if (meaning.kind === "word") return field === "type" ? typeName(meaning.word) : meaning.word;
  const { unit } = meaning;
  if (unit === "time") {
    const isLong = meaning.to - meaning.from >= DAY_MS;
    if (!isLong) return written(meaning.from, true);
    const [from, to] = [writtenDay(meaning.from), writtenDay(meaning.to - 1)];
    return from === to ? from : t("number_range", { from, to });
  }
  if (unit === "number") {
    return t("number_range", { from: counted(meaning.from), to: counted(meaning.to) });
  }
  const isOne = meaning.to - meaning.from === 1;
  return isOne
    ? t("step_exact", { from: meaning.from })
    : t("step_range", { from: meaning.from, to: meaning.to - 1 });
}

/** Write a type as words: they come from files, with underscores. */
export function typeName(type: string): string {
  return isRow(type) ? t("row") : type.replaceAll("_", " ");
}

/** Say where a record stands in its source. */
export function placeOf({ type, place, steps }: WholeRecord): string {
  return t(isRow(type) ? "record_row" : "record_place", { place, steps });
}

/** Show a text in parts of which every second one was looked for. */
export function lit(parts: readonly string[]) {
  return parts.map((part, i) => (i % 2 === 1 ? html`<mark>${part}</mark>` : part));
}

/** Say how a run ended: its outcome, or else what it answered; nothing if it tells neither. */
export function endingOf(
  { outcome, answer }: Pick<Run, "outcome" | "answer">,
  most: number,
): string | null {
  if (outcome !== null) return outcome;
  if (!answer?.trim()) return null;
  const plain = answer.trim().replace(/\s+/g, " ");
  return t("answered", { answer: plain.length > most ? `${plain.slice(0, most - 1)}…` : plain });
}
