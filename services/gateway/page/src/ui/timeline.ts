// Chooses a span of time: two handles under a picture of how many points there are when.

import { html, nothing, svg } from "lit";
import { type Histogram, histogramOf } from "../data/histogram.ts";
import { t, written } from "../i18n/index.ts";
import type { Choice } from "../state/route.ts";
import type { Clock } from "../state/timing.ts";
import { PageElement } from "./element.ts";
import { cross } from "./icons.ts";

const STEPS = 400;
const PARTS = 80;
const CLOCKS = [
  ["record", "time_record"],
  ["arrival", "time_arrival"],
] as const;

export class PageTimeline extends PageElement {
  #clock: Clock = "record";
  #frame: number | null = null;

  protected override render() {
    const { stage, isTimeOpen, span, count } = this.state;
    if (!isTimeOpen) this.#forget();
    if (stage.kind !== "map" || !isTimeOpen) return nothing;
    const clock = span?.of ?? this.#clock;
    const found = histogramOf(this.controller.timing.times(clock), count, PARTS);
    return html`<section class="timeline" aria-label=${t("time_title")}>
      <div class="timeline-head">
        <div class="segments" role="radiogroup" aria-label=${t("time_title")}>
          ${CLOCKS.map(
            ([one, name]) => html`<label>
              <input
                type="radio"
                name="clock"
                value=${one}
                .checked=${one === clock}
                @change=${() => this.#setClock(one)}
              /><span>${t(name)}</span>
            </label>`,
          )}
        </div>
        <span class="hint" role="status">${span ? this.#shown() : nothing}</span>
        ${
          span
            ? html`<button class="text" type="button" @click=${() => this.#choose(null)}>
              ${t("time_all")}
            </button>`
            : nothing
        }
        <button
          class="round small"
          type="button"
          data-action="close-time"
          aria-label=${t("close")}
          title=${t("close")}
          @click=${() => this.controller.timing.open(false)}
        >
          ${cross}
        </button>
      </div>
      ${found ? this.#handles(found, clock) : html`<p class="hint">${t("time_none")}</p>`}
    </section>`;
  }

  #shown() {
    return t("time_shown", { count: this.controller.painting.marks?.inSpan ?? 0 });
  }

  #handles(found: Histogram, clock: Clock) {
    const { span } = this.state;
    const [low, high] = [
      placeOf(found, span?.from ?? null, 0),
      placeOf(found, span?.to ?? null, STEPS),
    ];
    const move = (end: "from" | "to") => () => this.#move(found, clock, end);
    const name = (place: number, end: number) =>
      place === end && end === STEPS ? t("time_now") : written(timeAt(found, place), true);
    return html`<div class="timeline-field">
        ${this.#bars(found, low, high)}
        <input
          class="handle"
          type="range"
          data-end="from"
          min="0"
          max=${STEPS}
          .value=${String(low)}
          aria-label=${t("time_from")}
          aria-valuetext=${name(low, 0)}
          @input=${move("from")}
        />
        <input
          class="handle"
          type="range"
          data-end="to"
          min="0"
          max=${STEPS}
          .value=${String(high)}
          aria-label=${t("time_to")}
          aria-valuetext=${name(high, STEPS)}
          @input=${move("to")}
        />
      </div>
      <div class="timeline-ends" aria-hidden="true">
        <span>${name(low, 0)}</span><span>${name(high, STEPS)}</span>
      </div>`;
  }

  /** The other handle is asked where it is: the last picture may be older than that. */
  #move(found: Histogram, clock: Clock, end: "from" | "to"): void {
    const [low, high] = ["from", "to"].map((one) =>
      this.querySelector<HTMLInputElement>(`[data-end="${one}"]`),
    ) as [HTMLInputElement, HTMLInputElement];
    const [from, to] = [Number(low.value), Number(high.value)];
    if (from > to && end === "from") low.value = high.value;
    if (from > to && end === "to") high.value = low.value;
    this.#choose({
      of: clock,
      from: timeOf(found, Number(low.value), 0),
      to: timeOf(found, Number(high.value), STEPS),
    });
  }

  #bars({ counts }: Histogram, low: number, high: number) {
    const most = Math.max(...counts);
    const width = STEPS / PARTS;
    return html`<svg class="bars" viewBox="0 0 ${STEPS} 40" preserveAspectRatio="none" aria-hidden="true">
      ${counts.map((count, i) => {
        const tall = count === 0 ? 0 : 3 + 37 * Math.sqrt(count / most);
        const middle = (i + 0.5) * width;
        const isIn = middle >= low && middle <= high;
        return svg`<rect x=${i * width + 0.4} y=${40 - tall} width=${width - 0.8} height=${tall} ?data-in=${isIn} />`;
      })}
    </svg>`;
  }

  #setClock(clock: Clock): void {
    this.#clock = clock;
    this.#choose(null);
    this.requestUpdate();
  }

  /** However often a handle moves, the map is looked at once for each picture. */
  #choose(span: Choice | null): void {
    const isWhole = span?.from === null && span.to === null;
    this.#clock = span?.of ?? this.#clock;
    this.#forget();
    this.#frame = requestAnimationFrame(() => {
      this.#frame = null;
      this.controller.timing.choose(isWhole ? null : span);
    });
  }

  /** What is closed leaves nothing out, whatever was moved just before. */
  #forget(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
  }
}

function timeAt({ least, most }: Histogram, place: number): number {
  return least + ((most - least) * place) / STEPS;
}

/** Return the time at a handle; at its own end there is none. */
function timeOf(found: Histogram, place: number, end: number): number | null {
  if (place === end) return null;
  const value = timeAt(found, place);
  return end === 0 ? Math.floor(value) : Math.ceil(value);
}

function placeOf({ least, most }: Histogram, time: number | null, end: number): number {
  if (time === null || most === least) return end;
  const place = Math.round(((time - least) / (most - least)) * STEPS);
  return Math.min(STEPS, Math.max(0, place));
}

customElements.define("page-timeline", PageTimeline);
