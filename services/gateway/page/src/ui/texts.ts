// How things of the map are called, in the reader's language.

import type { Entry, Field } from "../data/coding.ts";
import { type Message, t, written } from "../i18n/index.ts";

export const FIELD_NAMES: Record<Field, Message> = {
  type: "by_type",
  source: "by_source",
  step: "by_step",
  time: "by_time",
};

/** Name an entry of the legend. */
export function nameOf({ meaning }: Entry, field: Field): string {
  if (meaning.kind === "others") return t("others");
  if (meaning.kind === "unknown") return t("unknown");
  if (meaning.kind === "word") return field === "type" ? typeName(meaning.word) : meaning.word;
  if (field === "time") return written(meaning.from, true);
  const isOne = meaning.to - meaning.from === 1;
  return isOne
    ? t("step_exact", { from: meaning.from })
    : t("step_range", { from: meaning.from, to: meaning.to - 1 });
}

/** Write a type as words: they come from files, with underscores. */
export function typeName(type: string): string {
  return type.replaceAll("_", " ");
}

/** Shorten a path in its middle: its end tells most. */
export function shortPath(path: string, most = 38): string {
  if (path.length <= most) return path;
  const end = Math.ceil(most * 0.62);
  return `${path.slice(0, most - end - 1)}…${path.slice(-end)}`;
}
