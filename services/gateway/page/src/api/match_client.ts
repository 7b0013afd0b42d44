// Calls about matches: pairs of two collections, and what is decided of them.

import { PATHS } from "./client.ts";
import { asked, query, sending } from "./http.ts";
import type { Match, Matches, MatchResults } from "./schema.ts";

export type Wish = "accept" | "reject" | "undo";
export type PairForm = "csv" | "jsonl";

/** Which pairs: of which collection, by which scores, and only those in a state, if one is said. */
export interface MatchWish {
  readonly other: string;
  readonly state: Match["state"] | null;
  readonly link: number;
  readonly review: number;
}

export class MatchClient {
  page(collection: string, wish: MatchWish, after: number, limit: number): Promise<Matches> {
    const page = { after: `${after}`, limit: `${limit}` };
    return asked(`${PATHS.matches}?${query({ ...said(collection, wish), ...page })}`);
  }

  /** Have something decided of a pair, as it was told. */
  decide(
    collection: string,
    other: string,
    decision: Wish,
    { id, other_id, texts }: Match,
  ): Promise<MatchResults> {
    const body = { decision, pairs: [{ id, other_id, texts }] };
    return asked(`${PATHS.decideMatches}?${query({ collection, other })}`, sending("POST", body));
  }
}

/** Where the pairs of a state are had as a file, with their whole texts. */
export function addressOfExport(collection: string, wish: MatchWish, format: PairForm): string {
  return `${PATHS.exportMatches}?${query({ ...said(collection, wish), format })}`;
}

function said(collection: string, { other, state, link, review }: MatchWish) {
  const one: { state?: string } = state === null ? {} : { state };
  return { collection, other, link: `${link}`, review: `${review}`, ...one };
}
