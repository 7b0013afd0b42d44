// What is done every few hours: how it stands, what became of its slots, and what can be done with it.

import { html, nothing } from "lit";
import type { ScheduleRecord } from "../api/schema.ts";
import type { RegularChange } from "../api/source_client.ts";
import { shortPath } from "../data/names.ts";
import { type Message, t, written } from "../i18n/index.ts";
import type { Refusals } from "../state/commands.ts";

const OUTCOMES: Readonly<Record<string, Message>> = {
  ran: "run_ran",
  "by hand": "run_by_hand",
  missed: "run_missed",
  overlapped: "run_overlapped",
};
const PERIODS = [1, 2, 4, 8, 12, 24, 48, 168] as const;
const USUAL = 8;
const MOST_NAME = 48;

/** What schedules and lists of sources have alike. */
export type Regular = Pick<
  ScheduleRecord,
  | "every_hours"
  | "is_paused"
  | "is_stale"
  | "next_at"
  | "ran"
  | "missed"
  | "overlapped"
  | "succeeded_at"
>;
type RegularRun = NonNullable<ScheduleRecord["runs"]>[number];

/** How it is said of one kind: when it last succeeded, that it never did, doing it now, and why not now. */
export interface RegularWords {
  readonly good: Message;
  readonly never: Message;
  readonly run: Message;
  readonly running: Message;
}

/** Say why it cannot be done now. */
export function refusalsOf({ running }: RegularWords): Refusals {
  return { 409: t(running), 429: t("schedule_often") };
}

/** What can be done with one. */
export interface RegularActs {
  run(): void;
  change(change: RegularChange): void;
  remove(): void;
}

/** Say how one stands. */
export function regularFacts(one: Regular, name: string, about: string, words: RegularWords) {
  const [state, kind]: readonly [Message, string] = one.is_paused
    ? ["schedule_paused", "plain"]
    : one.is_stale
      ? ["schedule_stale", "warn"]
      : ["schedule_active", "good"];
  const good = one.succeeded_at
    ? t(words.good, { at: written(one.succeeded_at, true) })
    : t(words.never);
  return html`<p class="line-head">
      <strong title=${about}>${shortPath(name, MOST_NAME)}</strong>
      <span class="chip plain">${t("schedule_every", { count: one.every_hours })}</span>
      <span class="chip ${kind}" data-state>${t(state)}</span>
      <span class="hint">${good}</span>
    </p>
    <p class="hint" data-counts>
      ${t("schedule_slots", { ran: one.ran, missed: one.missed, overlapped: one.overlapped })}
      ${one.is_paused ? nothing : t("schedule_next", { at: written(one.next_at, true) })}
    </p>`;
}

/** List its last runs, the newest first, each with what else is to be told of it. */
export function regularRuns<Run extends Pick<RegularRun, "at" | "slot" | "outcome" | "slots">>(
  runs: readonly Run[],
  told: (run: Run) => unknown = () => nothing,
) {
  return html`<ul class="regular-runs">
    ${runs.map((run) => {
      const word = OUTCOMES[run.outcome];
      const slots = (run.slots ?? 1) > 1 ? ` × ${run.slots}` : "";
      return html`<li>
        <time>${written(run.slot ?? run.at, true)}</time> ${word ? t(word) : run.outcome}${slots}
        ${told(run)}
      </li>`;
    })}
  </ul>`;
}

/** Give what can be done with one. */
export function regularActions(one: Regular, name: string, words: RegularWords, acts: RegularActs) {
  const button = (action: string, word: Message, act: () => void) =>
    html`<button class="text" type="button" data-action=${action} @click=${act}>
      ${t(word)}<span class="unseen">${name}</span>
    </button>`;
  const pause = () => acts.change({ is_paused: !one.is_paused });
  const give = (event: SubmitEvent) => {
    event.preventDefault();
    const every_hours = periodOf(event.target as HTMLFormElement);
    if (every_hours !== one.every_hours) acts.change({ every_hours });
  };
  return html`<div class="line-actions">
    ${button("run", words.run, acts.run)}
    ${button("pause", one.is_paused ? "schedule_resume" : "schedule_pause", pause)}
    ${button("remove", "schedule_remove", acts.remove)}
    <form class="period" @submit=${give}>
      <label class="select boxed">
        <span class="unseen">${t("schedule_period_of", { name })}</span>
        ${periodChoice(one.every_hours)}
      </label>
      <button class="text" type="submit" data-action="period">
        ${t("schedule_period_set")}<span class="unseen">${name}</span>
      </button>
    </form>
  </div>`;
}

/** Let a period be chosen; one that is not offered was given elsewhere. */
export function periodChoice(chosen: number = USUAL) {
  const all = [...new Set([...PERIODS, chosen])].sort((one, other) => one - other);
  return html`<select name="every">
    ${all.map(
      (hours) =>
        html`<option value=${hours} ?selected=${hours === chosen}>${t("schedule_every", { count: hours })}</option>`,
    )}
  </select>`;
}

/** Return the hours that were chosen in a form. */
export function periodOf(form: HTMLFormElement): number {
  return Number(new FormData(form).get("every"));
}
