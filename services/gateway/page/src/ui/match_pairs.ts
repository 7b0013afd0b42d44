// A list of pairs, the best first: both texts beside each other, and what is decided of them.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { addressOfExport, type Wish } from "../api/match_client.ts";
import type { Match } from "../api/schema.ts";
import { shortPath } from "../data/names.ts";
import { type Message, scored, t, written } from "../i18n/index.ts";
import type { AppState } from "../state/app_state.ts";
import { isDecided, type MatchState, nextOpen } from "../state/match_view.ts";
import { NOWHERE, writeRoute } from "../state/route.ts";
import { PageElement } from "./element.ts";
import { section } from "./system_parts.ts";

const MOST_NAME = 44;
const CHIPS: Record<MatchState, readonly [Message, string]> = {
  review: ["match_review", "warn"],
  linked: ["match_linked", ""],
  unmatched: ["match_unmatched", "plain"],
  accepted: ["match_accepted", "good"],
  rejected: ["match_rejected", "bad"],
};
const TITLES: Record<MatchState | "all", Message> = {
  review: "pairs_review",
  linked: "pairs_linked",
  unmatched: "pairs_unmatched",
  accepted: "pairs_accepted",
  rejected: "pairs_rejected",
  all: "pairs_all",
};
const NONE: Record<MatchState | "all", Message> = {
  review: "pairs_none_review",
  linked: "pairs_none",
  unmatched: "pairs_none",
  accepted: "pairs_none_decided",
  rejected: "pairs_none_decided",
  all: "pairs_none_all",
};
/** Keys that decide of the pair that has the focus; on a Russian keyboard they are where they were. */
const KEYS: Readonly<Record<string, Wish>> = { a: "accept", r: "reject", u: "undo" };
const CODES: Readonly<Record<string, Wish>> = { KeyA: "accept", KeyR: "reject", KeyU: "undo" };
/** Of which collection a side is, its record, source and text. */
const SIDES = {
  own: (one: Match, { collection }: AppState) =>
    [collection ?? "", one.id, one.filename, one.text] as const,
  other: (one: Match, { matches }: AppState) =>
    [matches.other ?? "", one.other_id, one.other_filename, one.other_text] as const,
};
const LATIN = /^[a-z]$/i;

export class PageMatchPairs extends PageElement {
  /** The pair that was last gone to. */
  #current: string | null = null;

  protected override render() {
    const { counts, records, state, items, step } = this.state.matches;
    const count = state === null ? records : (counts?.[state] ?? 0);
    const title = counts ? t(TITLES[state ?? "all"], { count }) : t("pairs");
    if (items.length === 0 && step !== "found") return nothing;
    return section(
      "pairs",
      title,
      html`${items.length > 0 ? this.#pairs() : this.#none()} ${this.#last()}`,
      items.length > 0 ? this.#export() : html``,
    );
  }

  #none() {
    const { state } = this.state.matches;
    return html`<div class="guide" data-guide="none" role="status"><p>${t(NONE[state ?? "all"])}</p></div>`;
  }

  #export() {
    const { collection } = this.state;
    const { view } = this.controller.matches;
    const wish = { ...view, other: view.other ?? "" };
    const forms = [
      ["csv", "csv"],
      ["jsonl", "json_lines"],
    ] as const;
    return html`<span class="hint" id="pairs-export">${t("pairs_export")}</span>
      ${forms.map(
        ([form, name]) => html`<a
          class="text"
          data-export=${form}
          href=${addressOfExport(collection ?? "", wish, form)}
          download
          aria-describedby="pairs-export"
          >${t(name)}</a
        >`,
      )}`;
  }

  #pairs() {
    const { items, nextAfter, step } = this.state.matches;
    const { mayOperate } = this.controller.matches;
    const current = items.find((one) => one.id === this.#current) ?? items[0];
    return html`${mayOperate ? html`<p class="hint match-keys" id="match-keys">${t("match_keys")}</p>` : nothing}
      <ul class="lines pairs" @keydown=${this.#keys} @focusin=${this.#focused}>
        ${repeat(
          items,
          (one) => one.id,
          (one) => this.#pair(one, one === current),
        )}
      </ul>
      ${
        nextAfter !== null
          ? html`<button
            class="text"
            type="button"
            data-action="more-pairs"
            ?disabled=${step === "asking"}
            @click=${() => this.controller.matches.more()}
          >
            ${t("sources_more")}
          </button>`
          : nothing
      }`;
  }

  #pair(one: Match, isCurrent: boolean) {
    const { refusals, whole } = this.state.matches;
    const [state, kind] = CHIPS[one.state];
    const score = scored(one.score);
    const refusal = refusals[one.id];
    const texts = whole[one.id];
    return html`<li class="line pair" data-pair=${one.id} data-state=${one.state}>
      <div
        class="pair-place"
        role="group"
        tabindex=${isCurrent ? 0 : -1}
        aria-label=${t("match_label", { score, state: t(state) })}
        aria-describedby=${this.controller.matches.mayOperate ? "match-keys" : nothing}
      >
        <p class="line-head">
          <strong class="pair-score">${score}</strong>
          <span class="chip ${kind}">${t(state)}</span>
          ${
            one.decided
              ? html`<span class="hint" data-decided>
                ${t("match_decided", { by: one.decided.by, at: written(one.decided.at, true) })}
              </span>`
              : nothing
          }
        </p>
        <div class="pair-sides">
          ${this.#side(one, "own")} ${this.#side(one, "other")}
        </div>
        ${this.#actions(one)}
        ${
          refusal !== undefined
            ? html`<p class="line-text warned" role="alert">${t("match_refused", { reason: refusal })}</p>`
            : nothing
        }
        ${texts?.kind === "failed" ? html`<p class="detail" role="alert">${texts.detail}</p>` : nothing}
      </div>
    </li>`;
  }

  #side(one: Match, side: keyof typeof SIDES) {
    const [collection, id, filename, text] = SIDES[side](one, this.state);
    const whole = this.state.matches.whole[one.id];
    const open = t("match_open", { name: filename });
    return html`<div class="pair-side" data-side=${side}>
      <p class="pair-from">
        <span class="chip plain">${collection}</span>
        <a class="name" href=${writeRoute({ ...NOWHERE, collection, record: id })} title=${open}
          >${shortPath(filename, MOST_NAME)}</a
        >
      </p>
      ${
        whole?.kind === "texts"
          ? html`<div class="pair-text whole" tabindex="0" role="group" aria-label=${t("match_whole_of", { name: collection })}>${whole[side]}</div>`
          : html`<p class="pair-text">${text}</p>`
      }
    </div>`;
  }

  #actions(one: Match) {
    const whole = this.state.matches.whole[one.id];
    const button = (wish: Wish, word: Message, kind: string) =>
      html`<button
        class=${kind}
        type="button"
        data-action=${wish}
        @click=${() => void this.#decide(one, wish)}
      >
        ${t(word)}
      </button>`;
    const wishes = isDecided(one)
      ? button("undo", "match_undo", "text")
      : html`${button("accept", "match_accept", "plain")} ${button("reject", "match_reject", "plain grave")}`;
    return html`<div class="pair-actions">
      ${this.controller.matches.mayOperate ? wishes : nothing}
      <button
        class="text"
        type="button"
        data-action="whole"
        aria-expanded=${whole?.kind === "texts"}
        @click=${() => void this.controller.matches.showWhole(one.id)}
      >
        ${t("match_whole")}
      </button>
    </div>`;
  }

  /** Tell who sees nothing of it what was decided, and how much is left. */
  #last() {
    const { last, counts } = this.state.matches;
    const [state] = last ? CHIPS[last.state] : [];
    const told = state ? t("match_last", { state: t(state), count: counts?.review ?? 0 }) : "";
    return html`<p class="unseen" role="status" data-last>${told}</p>`;
  }

  /** After a decision the next pair has the focus; what was undone keeps it. */
  async #decide(one: Match, wish: Wish): Promise<void> {
    const isDone = await this.controller.matches.decide(one.id, wish);
    await this.updateComplete;
    const own = this.#placeOf(one.id);
    const { activeElement } = document;
    const isElsewhere = activeElement !== document.body && !own?.contains(activeElement);
    if (!isDone || isElsewhere) return;
    const next = wish === "undo" ? null : nextOpen(this.state.matches.items, one.id);
    (next ? this.#placeOf(next.id) : own)?.focus();
  }

  #placeOf(id: string): HTMLElement | null {
    return this.querySelector(`[data-pair="${id}"] > .pair-place`);
  }

  #focused = (event: FocusEvent) => {
    const id = idOf(event);
    if (id === this.#current) return;
    this.#current = id;
    this.requestUpdate();
  };

  #keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (way !== undefined) this.#walk(event, way);
    const wish = LATIN.test(event.key) ? KEYS[event.key.toLowerCase()] : CODES[event.code];
    const one = this.state.matches.items.find(({ id }) => id === idOf(event));
    if (!wish || !one || event.repeat || (wish === "undo" && !isDecided(one))) return;
    event.preventDefault();
    void this.#decide(one, wish);
  };

  #walk(event: KeyboardEvent, way: number): void {
    if ((event.target as HTMLElement).matches(".whole")) return; // there they scroll
    const places = [...this.querySelectorAll<HTMLElement>(".pair-place")];
    const id = idOf(event);
    const place = places.findIndex((one) => one.parentElement?.dataset["pair"] === id);
    event.preventDefault();
    places[place + way]?.focus();
  }
}

function idOf({ target }: Event): string | null {
  return (target as HTMLElement).closest<HTMLElement>("[data-pair]")?.dataset["pair"] ?? null;
}

customElements.define("page-match-pairs", PageMatchPairs);
