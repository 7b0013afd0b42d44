// The address leads to what is seen, and what is seen is written into the address.

import { Address } from "./address.ts";
import type { Controller } from "./controller.ts";
import { lastCollection } from "./preferences.ts";
import { NOWHERE, parseRoute, type Route, writeRoute } from "./route.ts";

/** What of the page the address is about. */
type Page = Pick<
  Controller,
  "store" | "points" | "painting" | "opening" | "runs" | "matches" | "finding" | "timing" | "watch"
>;

export class Navigation {
  readonly #address = new Address(() => this.#route);
  /** What an address asks for that has to wait for the points. */
  #wanted: Route | null = null;

  constructor(private readonly page: Page) {}

  /** Be told that what is seen is something else. */
  changed(): void {
    this.#address.changed();
  }

  choose(collection: string): void {
    const { area } = this.page.store.state;
    location.hash = writeRoute({
      ...NOWHERE,
      area,
      collection,
      field: this.page.painting.chosenField,
    });
  }

  /** Go to a place by its name: all of it, if one is there already, and all runs at any rate. */
  enter(area: Route["area"]): void {
    const { store, runs, finding, opening } = this.page;
    const isThere = store.state.area === area;
    if (area === "map" && isThere) {
      finding.clear();
      opening.close();
    }
    if (area === "runs" && runs.table.through) runs.passing(null);
    this.go(area);
  }

  /** Look at something else; the map stays as it is meanwhile. */
  go(area: Route["area"]): void {
    const { collection } = this.page.store.state;
    this.page.store.set({ area });
    const route = this.#route ?? { ...NOWHERE, ...this.#wanted, area, collection };
    history.pushState(null, "", writeRoute(route));
  }

  /** Show what the address says, or said when it was gone to: what was seen may be written over it. */
  follow(address = location.hash): void {
    const { collections, collection, session } = this.page.store.state;
    if (session?.role === null) return;
    const route = parseRoute(address);
    const last = collections.find((one) => one.name === lastCollection());
    const name = route.collection ?? (last ?? collections[0])?.name ?? null;
    this.#wanted = route;
    const isSwitched = collection !== null && name !== collection;
    if (name && name !== collection) this.page.watch(name);
    this.page.store.set({ area: route.area });
    const { chosen } = this.page.store.state.runs;
    if (route.runs.join("\n") !== chosen.join("\n")) this.page.runs.choose(route.runs);
    const isArranged = JSON.stringify(route.table) === JSON.stringify(this.page.runs.table);
    if (route.area === "runs" && (isSwitched || !isArranged)) this.page.runs.arrange(route.table);
    const isSame = JSON.stringify(route.match) === JSON.stringify(this.page.matches.view);
    if (route.area === "matches" && !isSame) this.page.matches.arrange(route.match);
    const { pointSize, density } = route;
    if (route.area === "map") this.page.painting.style({ pointSize, density });
    if (route.area === "map") this.#lookAt(route);
    else this.#wanted = null;
    this.changed(); // what is seen now
  }

  #lookAt(route: Route): void {
    this.restore();
    const { id } = this.page.opening;
    if (route.record && route.record !== id) void this.page.opening.open(route.record);
    if (!route.record && id) this.page.store.set({ opened: { kind: "none" } });
  }

  /** Do what the address asks for, once there are points. */
  restore(): void {
    const route = this.#wanted;
    if (!route || !this.page.points) return;
    this.#wanted = null;
    const { field, isFieldChosen, hidden, listing } = this.page.store.state;
    if (route.field && (route.field !== field || !isFieldChosen)) {
      this.page.painting.setField(route.field);
    }
    if (route.hidden.length > 0 || hidden.size > 0) this.page.painting.hide(new Set(route.hidden));
    this.page.painting.aimAt(route.aim);
    const { isTimeOpen } = this.page.store.state;
    if (route.span || isTimeOpen) {
      this.page.store.set({ isTimeOpen: route.span !== null });
      this.page.timing.choose(route.span);
    }
    const isOther = JSON.stringify(route.query) !== JSON.stringify(listing?.query ?? null);
    if (route.query && isOther) void this.page.finding.find(route.query, route.record === null);
    else if (!route.query && listing) this.page.finding.clear();
  }

  get #route(): Route | null {
    if (this.#wanted) return null;
    const { area, collection, hidden, listing, span } = this.page.store.state;
    return {
      area,
      collection,
      record: this.page.opening.id,
      field: this.page.painting.chosenField,
      hidden: [...hidden],
      aim: this.page.painting.aim,
      query: listing?.query ?? null,
      span,
      runs: this.page.store.state.runs.chosen,
      pointSize: this.page.store.state.pointSize,
      density: this.page.store.state.density,
      table: this.page.runs.table,
      match: this.page.matches.view,
    };
  }
}
