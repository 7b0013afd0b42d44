// The address of what is seen: #/map/COLLECTION, with the record that is open, and how one looks.

import type { Corner } from "../data/areas.ts";
import { type Field, isField } from "../data/coding.ts";
import type { Aim } from "../map/camera.ts";
import { DENSITIES, type Density } from "../map/density.ts";
import { type MatchView, matchIn, PLAIN_MATCH, sayMatch } from "./match_view.ts";
import type { Passage, Query } from "./query.ts";
import { SORTS, type Sort } from "./run_order.ts";

/** Which times are shown. */
export interface Choice {
  readonly of: "record" | "arrival";
  /** Milliseconds; null: from the beginning. */
  readonly from: number | null;
  /** Null: without an end, with what is yet to come. */
  readonly to: number | null;
}

const AREAS = ["map", "runs", "matches", "sources", "system"] as const;

export interface Route {
  readonly area: (typeof AREAS)[number];
  readonly collection: string | null;
  readonly record: string | null;
  /** What the colours mean; if it says nothing, what tells most. */
  readonly field: Field | null;
  /** Keys of entries of the legend that are not shown. */
  readonly hidden: readonly string[];
  /** Where one looks; if it says nothing, at everything. */
  readonly aim: Aim | null;
  readonly query: Query | null;
  readonly span: Choice | null;
  /** Names of the runs whose paths are shown. */
  readonly runs: readonly string[];
  /** How large points are, and how strong where many lie on each other. */
  readonly pointSize: number;
  readonly density: Density;
  /** How the table of runs is sorted, and what the runs of it have in common. */
  readonly table: RunTable;
  /** Which pairs of two collections are listed. */
  readonly match: MatchView;
}

export interface RunTable {
  readonly sort: Sort;
  readonly isDescending: boolean;
  readonly through: Passage | null;
}

export const PLAIN_TABLE: RunTable = { sort: "name", isDescending: false, through: null };
const SIZES = { least: 0.5, most: 2.5 };

/** An end of time that is none. */
const EVER = "*";
/** After what a table is sorted by: the most first. */
const DOWN = "-";

export const NOWHERE: Route = {
  area: "map",
  collection: null,
  record: null,
  field: null,
  hidden: [],
  aim: null,
  query: null,
  span: null,
  runs: [],
  pointSize: 1,
  density: "auto",
  table: PLAIN_TABLE,
  match: PLAIN_MATCH,
};

/** Read the part of an address behind '#'; what it does not say is as at first. */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const [, place, collection, record] = path.split("/").map(decoded);
  const area = AREAS.find((one) => one === place) ?? "map";
  const said = new URLSearchParams(query);
  const by = said.get("by");
  const [x, y, zoom] = numbers(said.get("at"), 3);
  return {
    area,
    collection: place === area && collection ? collection : null,
    record: place === "map" && collection && record ? record : null,
    field: by !== null && isField(by) ? by : null,
    hidden: said.getAll("hide"),
    aim: zoom !== undefined && zoom > 0 ? { x: x as number, y: y as number, zoom } : null,
    query: area === "runs" || area === "matches" ? null : (passageIn(said) ?? ownIn(said)),
    span: spanIn(said),
    runs: said.getAll("run"),
    pointSize: sizeIn(said),
    density: DENSITIES.find((one) => one === said.get("density")) ?? "auto",
    table: area === "runs" ? tableIn(said) : PLAIN_TABLE,
    match: area === "matches" ? matchIn(said) : PLAIN_MATCH,
  };
}

/** Write the same. */
export function writeRoute(route: Route): string {
  if (!route.collection) return "#/";
  if (route.area === "system" || route.area === "sources") {
    return `#/${route.area}/${encodeURIComponent(route.collection)}`;
  }
  const parts = ["map", route.collection, ...(route.record ? [route.record] : [])];
  const said = new URLSearchParams();
  if (route.area === "matches") {
    sayMatch(said, route.match);
    const pairs = plain(said);
    return `#/matches/${encodeURIComponent(route.collection)}${pairs ? `?${pairs}` : ""}`;
  }
  for (const name of route.runs) said.append("run", name);
  if (route.area === "runs") {
    const { sort, isDescending, through } = route.table;
    if (sort !== PLAIN_TABLE.sort || isDescending) {
      said.set("sort", `${sort}${isDescending ? DOWN : ""}`);
    }
    sayQuery(said, through);
    const runs = plain(said);
    return `#/runs/${encodeURIComponent(route.collection)}${runs ? `?${runs}` : ""}`;
  }
  if (route.field !== null) said.set("by", route.field);
  for (const key of route.hidden) said.append("hide", key);
  if (route.aim) said.set("at", [route.aim.x, route.aim.y, route.aim.zoom].map(short).join(","));
  sayQuery(said, route.query);
  if (route.span) {
    const { of, from, to } = route.span;
    said.set(of, `${from ?? EVER},${to ?? EVER}`);
  }
  if (route.pointSize !== 1) said.set("size", String(route.pointSize));
  if (route.density !== "auto") said.set("density", route.density);
  const query = plain(said);
  return `#/${parts.map(encodeURIComponent).join("/")}${query ? `?${query}` : ""}`;
}

/** Read what only a map can be asked for. */
function ownIn(said: URLSearchParams): Query | null {
  const name = said.get("source");
  if (name) return { kind: "source", name };
  return said.has("view") ? { kind: "view" } : null;
}

function passageIn(said: URLSearchParams): Passage | null {
  const words = said.get("q");
  if (words?.trim()) return { kind: "words", words };
  const id = said.get("like");
  if (id) return { kind: "like", id };
  return placeIn(said);
}

function sayQuery(said: URLSearchParams, query: Query | null): void {
  if (query?.kind === "words") said.set("q", query.words);
  if (query?.kind === "like") said.set("like", query.id);
  if (query?.kind === "region") said.set("region", String(query.region));
  if (query?.kind === "source") said.set("source", query.name);
  if (query?.kind === "view") said.set("view", "1");
  if (query?.kind !== "area") return;
  said.set("area", query.corners.map(({ x, y }) => `${short(x)},${short(y)}`).join(","));
}

function placeIn(said: URLSearchParams): Passage | null {
  const region = Number(said.get("region") ?? Number.NaN);
  if (Number.isSafeInteger(region)) return { kind: "region", region };
  const flat = numbers(said.get("area"));
  if (flat.length < 6) return null;
  const corners: Corner[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    corners.push({ x: flat[i] as number, y: flat[i + 1] as number });
  }
  return { kind: "area", corners };
}

function sizeIn(said: URLSearchParams): number {
  const [size = 1] = numbers(said.get("size"));
  return Math.min(SIZES.most, Math.max(SIZES.least, size));
}

function tableIn(said: URLSearchParams): RunTable {
  const told = said.get("sort") ?? "";
  const isDescending = told.endsWith(DOWN);
  const sort = SORTS.find((one) => one === (isDescending ? told.slice(0, -1) : told));
  const order = sort ? { sort, isDescending } : {};
  return { ...PLAIN_TABLE, ...order, through: passageIn(said) };
}

function plain(said: URLSearchParams): string {
  return said.toString().replaceAll("%2C", ",");
}

function spanIn(said: URLSearchParams): Choice | null {
  for (const of of ["record", "arrival"] as const) {
    const ends = (said.get(of) ?? "").split(",");
    if (ends.length !== 2) continue;
    const [from, to] = ends.map((one) => {
      if (one === EVER) return null;
      return one === "" ? Number.NaN : Number(one);
    });
    if (![from, to].some(Number.isNaN)) return { of, from: from ?? null, to: to ?? null };
  }
  return null;
}

/** Read numbers with commas between them; if one is none, or there are too few, nothing. */
function numbers(text: string | null, count = 1): readonly number[] {
  const found = (text ?? "").split(",").map((one) => (one === "" ? Number.NaN : Number(one)));
  return found.length < count || found.some((one) => !Number.isFinite(one)) ? [] : found;
}

function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Write the address of all points of a source. */
export function addressOfSource(collection: string, name: string): string {
  return writeRoute({ ...NOWHERE, collection, query: { kind: "source", name } });
}
