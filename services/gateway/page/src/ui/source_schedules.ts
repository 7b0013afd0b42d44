// What is fetched every few hours, what became of that, and what can be done with it.

import { html, nothing } from "lit";
import type { ScheduleRecord } from "../api/schema.ts";
import { shortPath } from "../data/names.ts";
import { type Message, t, written } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { section } from "./system_parts.ts";

const OUTCOMES: Readonly<Record<string, Message>> = {
  ran: "run_ran",
  "by hand": "run_by_hand",
  missed: "run_missed",
  overlapped: "run_overlapped",
};
const PERIODS = [1, 2, 4, 8, 12, 24, 48, 168] as const;

export class PageSourceSchedules extends PageElement {
  protected override render() {
    const { schedules } = this.state.sources;
    const { mayOperate } = this.controller.sources;
    if (schedules.length === 0 && !mayOperate) return nothing;
    return section(
      "schedules",
      t("schedules"),
      html`${
        schedules.length > 0
          ? html`<ul class="lines">${schedules.map((one) => this.#line(one, mayOperate))}</ul>`
          : html`<p class="hint">${t("schedules_none")}</p>`
      }
      ${mayOperate ? this.#form() : nothing}`,
    );
  }

  #line(one: ScheduleRecord, mayOperate: boolean) {
    const name = one.filename ?? one.url;
    const [state, kind]: readonly [Message, string] = one.is_paused
      ? ["schedule_paused", "plain"]
      : one.is_stale
        ? ["schedule_stale", "warn"]
        : ["schedule_active", "good"];
    const good = one.succeeded_at
      ? t("schedule_good", { at: written(one.succeeded_at, true) })
      : t("schedule_no_good");
    return html`<li class="line" data-schedule=${one.id}>
      <p class="line-head">
        <strong title=${one.url}>${shortPath(name, 48)}</strong>
        <span class="chip plain">${t("schedule_every", { count: one.every_hours })}</span>
        <span class="chip ${kind}" data-state>${t(state)}</span>
        <span class="hint">${good}</span>
      </p>
      <p class="hint" data-counts>
        ${t("schedule_slots", { ran: one.ran, missed: one.missed, overlapped: one.overlapped })}
        ${one.is_paused ? nothing : t("schedule_next", { at: written(one.next_at, true) })}
      </p>
      ${this.#runs(one)} ${mayOperate ? this.#actions(one, name) : nothing}
    </li>`;
  }

  #runs(one: ScheduleRecord) {
    const runs = one.runs ?? [];
    if (runs.length === 0) return nothing;
    return html`<details>
      <summary>${t("schedule_runs")}<span class="unseen">${one.filename ?? one.url}</span></summary>
      <ul>
        ${runs.map((run) => {
          const word = OUTCOMES[run.outcome];
          const slots = (run.slots ?? 1) > 1 ? ` × ${run.slots}` : "";
          return html`<li><time>${written(run.slot ?? run.at, true)}</time> ${word ? t(word) : run.outcome}${slots}</li>`;
        })}
      </ul>
    </details>`;
  }

  #actions(one: ScheduleRecord, name: string) {
    const { sources } = this.controller;
    const button = (action: string, word: Message, act: () => void) =>
      html`<button class="text" type="button" data-action=${action} @click=${act}>
        ${t(word)}<span class="unseen">${name}</span>
      </button>`;
    const change = { is_paused: !one.is_paused };
    const run = () =>
      void sources.schedule(
        (client) => client.runSchedule(one.id),
        t("schedule_runs_now", { name }),
      );
    const pause = () => void sources.schedule((client) => client.changeSchedule(one.id, change));
    const remove = () => void sources.schedule((client) => client.removeSchedule(one.id));
    return html`<p class="line-actions">
      ${button("run", "schedule_run", run)}
      ${button("pause", one.is_paused ? "schedule_resume" : "schedule_pause", pause)}
      ${button("remove", "schedule_remove", remove)}
    </p>`;
  }

  #form() {
    return html`<form class="line-actions bar" @submit=${this.#add}>
      <label class="field">
        ${t("schedule_url")}
        <input name="url" type="url" required />
      </label>
      <label class="select boxed">
        ${t("schedule_period")}
        <select name="every">
          ${PERIODS.map(
            (hours) =>
              html`<option value=${hours} ?selected=${hours === 8}>${t("schedule_every", { count: hours })}</option>`,
          )}
        </select>
      </label>
      <button class="text" type="submit" data-action="schedule">${t("schedule_add")}</button>
    </form>`;
  }

  #add = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const said = new FormData(form);
    const [url, every] = [`${said.get("url")}`.trim(), Number(said.get("every"))];
    const isDone = await this.controller.sources.schedule((client, collection) =>
      client.addSchedule(collection, url, every),
    );
    if (isDone) form.reset();
  };
}

customElements.define("page-source-schedules", PageSourceSchedules);
