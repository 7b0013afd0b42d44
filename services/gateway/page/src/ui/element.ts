// What every element of the page has: the controller, and the page's own tree and styles.

import { LitElement } from "lit";
import type { AppState } from "../state/app_state.ts";
import type { Controller } from "../state/controller.ts";
import { Watching } from "../state/store.ts";

let controller: Controller;

/** Say who controls the page; before its first element is made. */
export function controlledBy(one: Controller): void {
  controller = one;
}

/** An element in the page's own tree: one style sheet, one order for screen readers. */
export abstract class PageElement extends LitElement {
  protected readonly controller = controller;
  protected readonly watching = new Watching(this, controller.store);

  protected get state(): AppState {
    return this.controller.store.state;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}
