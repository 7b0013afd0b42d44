// The address of what is seen: #/map/COLLECTION, with the record that is open.

import { FIELDS, type Field } from "../data/coding.ts";

export interface Route {
  readonly collection: string | null;
  readonly record: string | null;
  /** What the colours mean; if it says nothing, what tells most. */
  readonly field: Field | null;
}

/** Read the part of an address behind '#'; what it does not say is as at first. */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const [, area, collection, record] = path.split("/").map(decoded);
  const asked = new URLSearchParams(query).get("by");
  const field = FIELDS.find((one) => one === asked) ?? null;
  if (area !== "map" || !collection) return { collection: null, record: null, field };
  return { collection, record: record || null, field };
}

/** Write the same. */
export function writeRoute(route: Route): string {
  if (!route.collection) return "#/";
  const parts = ["map", route.collection, ...(route.record ? [route.record] : [])];
  const query = route.field === null ? "" : `?by=${route.field}`;
  return `#/${parts.map(encodeURIComponent).join("/")}${query}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
