// What is fetched every few hours, what became of that, and what can be done with it.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { ScheduleRecord } from "../api/schema.ts";
import { t } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import {
  periodChoice,
  periodOf,
  type RegularWords,
  refusalsOf,
  regularActions,
  regularFacts,
  regularRuns,
} from "./regular.ts";
import { section } from "./system_parts.ts";

const WORDS: RegularWords = {
  good: "schedule_good",
  never: "schedule_no_good",
  run: "schedule_run",
  running: "schedule_busy",
};

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
          ? html`<ul class="lines">${repeat(
              schedules,
              ({ id }) => id,
              (one) => this.#line(one, mayOperate),
            )}</ul>`
          : html`<p class="hint">${t("schedules_none")}</p>`
      }
      ${mayOperate ? this.#form() : nothing}`,
    );
  }

  #line(one: ScheduleRecord, mayOperate: boolean) {
    const name = one.filename ?? one.url;
    const runs = one.runs ?? [];
    return html`<li class="line" data-schedule=${one.id}>
      ${regularFacts(one, name, one.url, WORDS)}
      ${
        runs.length > 0
          ? html`<details>
            <summary>${t("schedule_runs")}<span class="unseen">${name}</span></summary>
            ${regularRuns(runs)}
          </details>`
          : nothing
      }
      ${mayOperate ? this.#actions(one, name) : nothing}
    </li>`;
  }

  #actions({ id, ...one }: ScheduleRecord, name: string) {
    const { sources, system } = this.controller;
    return regularActions(one, name, WORDS, {
      run: () =>
        void sources.command(
          (client) => client.runSchedule(id),
          t("schedule_runs_now", { name }),
          refusalsOf(WORDS),
        ),
      change: (change) => void sources.command((client) => client.changeSchedule(id, change)),
      remove: () =>
        system.ask({
          title: t("schedule_remove_ask", { name }),
          text: t("schedule_remove_what"),
          action: t("schedule_remove"),
          isGrave: true,
          act: () => void sources.command((client) => client.removeSchedule(id)),
        }),
    });
  }

  #form() {
    return html`<form class="line-actions bar" @submit=${this.#add}>
      <label class="field">
        ${t("schedule_url")}
        <input name="url" type="url" required />
      </label>
      <label class="select boxed">${t("schedule_period")} ${periodChoice()}</label>
      <button class="text" type="submit" data-action="schedule">${t("schedule_add")}</button>
    </form>`;
  }

  #add = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const url = `${new FormData(form).get("url")}`.trim();
    const every = periodOf(form);
    const isDone = await this.controller.sources.command((client, collection) =>
      client.addSchedule(collection, url, every),
    );
    if (isDone) form.reset();
  };
}

customElements.define("page-source-schedules", PageSourceSchedules);
