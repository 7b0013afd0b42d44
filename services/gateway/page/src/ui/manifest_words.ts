// How lists of sources are told of, in the reader's language.

import type { ManifestCounts, ManifestRun } from "../api/schema.ts";
import { counted, type Message, t } from "../i18n/index.ts";
import { type ItemOutcome, toldCounts } from "../state/manifests.ts";
import type { RegularWords } from "./regular.ts";

export const WORDS: RegularWords = {
  good: "manifest_good",
  never: "manifest_no_good",
  run: "manifest_run",
  running: "manifest_busy",
};
export const OUTCOMES: Record<ItemOutcome, readonly [Message, string]> = {
  added: ["item_added", "good"],
  changed: ["item_changed", "good"],
  asked: ["item_asked", "plain"],
  busy: ["item_busy", "warn"],
  "not due": ["item_not_due", "plain"],
  inactive: ["item_inactive", "plain"],
  unlisted: ["item_unlisted", "warn"],
  bad: ["item_bad", "bad"],
};

/** Say how far a run is, or what it came to. */
export function toldOf({ state, counts, reason }: ManifestRun): string {
  if (state === "running") return t("manifest_running");
  if (state === "failed") return t("manifest_failed", { reason: reason ?? "" });
  return [counts ? countsOf(counts) : "", reason ?? ""].filter(Boolean).join(" · ");
}

function countsOf(counts: ManifestCounts): string {
  const told = toldCounts(counts);
  return told.map(([outcome, count]) => `${t(OUTCOMES[outcome][0])}: ${counted(count)}`).join(", ");
}
