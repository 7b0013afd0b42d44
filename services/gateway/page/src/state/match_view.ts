// Which pairs of two collections are looked at, and which state a pair is in.

import type { Counts, Match, MatchDecision } from "../api/schema.ts";

export type MatchState = Match["state"];

export interface MatchView {
  /** The collection that it is matched with. */
  readonly other: string | null;
  /** Only pairs in this state; null: all. */
  readonly state: MatchState | null;
  /** From this score on a pair is linked. */
  readonly link: number;
  /** From this score on somebody is to look at it. */
  readonly review: number;
}

export const MATCH_STATES: readonly MatchState[] = [
  "review",
  "linked",
  "unmatched",
  "accepted",
  "rejected",
];
export const PLAIN_MATCH: MatchView = { other: null, state: "review", link: 0.9, review: 0.7 };
const ALL = "all";

/** Read it from the query of an address; limits that contradict each other are as at first. */
export function matchIn(said: URLSearchParams): MatchView {
  const shown = said.get("show");
  const state = MATCH_STATES.find((one) => one === shown) ?? (shown === ALL ? null : "review");
  const link = limitIn(said.get("link")) ?? PLAIN_MATCH.link;
  const review = limitIn(said.get("review")) ?? PLAIN_MATCH.review;
  const limits = fits(link, review) ? { link, review } : {};
  return { ...PLAIN_MATCH, other: said.get("with") || null, state, ...limits };
}

/** Write the same. */
export function sayMatch(said: URLSearchParams, { other, state, link, review }: MatchView): void {
  if (other) said.set("with", other);
  if (state !== PLAIN_MATCH.state) said.set("show", state ?? ALL);
  if (link !== PLAIN_MATCH.link) said.set("link", String(link));
  if (review !== PLAIN_MATCH.review) said.set("review", String(review));
}

/** Whether these can be the limits. */
export function fits(link: number, review: number): boolean {
  return review >= 0 && review <= link && link <= 1;
}

function limitIn(text: string | null): number | null {
  const value = Number(text || Number.NaN);
  return Number.isFinite(value) ? value : null;
}

/** Tell the state of a pair: what was decided of it, or else what its score says. */
export function stateOf(
  score: number,
  { link, review }: Pick<MatchView, "link" | "review">,
  decided: Pick<MatchDecision, "decision"> | null,
): MatchState {
  if (decided) return decided.decision === "accept" ? "accepted" : "rejected";
  if (score >= link) return "linked";
  return score >= review ? "review" : "unmatched";
}

/** Whether somebody has decided of it. */
export function isDecided({ state }: Pick<Match, "state">): boolean {
  return state === "accepted" || state === "rejected";
}

/** Count one less in a state, and one more in another. */
export function recounted(counts: Counts, from: MatchState, to: MatchState): Counts {
  if (from === to) return counts;
  return { ...counts, [from]: counts[from] - 1, [to]: counts[to] + 1 };
}

/** Of a list, the pair after one of which nothing is decided; after the last the first is. */
export function nextOpen(items: readonly Match[], id: string): Match | null {
  const place = items.findIndex((one) => one.id === id);
  const others = [...items.slice(place + 1), ...items.slice(0, Math.max(0, place))];
  return others.find((one) => !isDecided(one)) ?? null;
}
