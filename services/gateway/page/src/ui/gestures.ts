// What mouse, fingers and keys do on the map.

import { box } from "../data/areas.ts";
import type { Place } from "../map/camera.ts";

/** What a pull over the map does. */
export type Mode = "move" | "lasso" | "rectangle";

export interface Wishes {
  pan(dx: number, dy: number): void;
  zoom(factor: number, at?: Place): void;
  all(): void;
  hover(at: Place | null): void;
  choose(at: Place): void;
  chooseCentral(): void;
  close(): void;
  step(way: "previous" | "next"): void;
  /** A line is drawn around something; nothing: it was given up. */
  drawing(line: readonly Place[] | null): void;
  /** It is drawn. */
  select(line: readonly Place[]): void;
  selectSeen(): void;
}

const STEP_PX = 80;
const KEY_ZOOM = 1.4;
const CLICK_PX = 5;
const LINE_PX = 4;

export class Gestures {
  #fingers = new Map<number, Place>();
  #travelled = 0;
  #line: Place[] | null = null;
  #isBox = false;
  mode: Mode = "move";

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly wishes: Wishes,
  ) {
    canvas.addEventListener("pointerdown", this.#down);
    canvas.addEventListener("pointermove", this.#move);
    canvas.addEventListener("pointerup", this.#up);
    canvas.addEventListener("pointercancel", this.#up);
    canvas.addEventListener("pointerleave", () => this.wishes.hover(null));
    canvas.addEventListener("wheel", this.#wheel, { passive: false });
    canvas.addEventListener("dblclick", (event) => this.wishes.zoom(2, placeOf(event)));
    canvas.addEventListener("keydown", this.#key);
  }

  #down = (event: PointerEvent) => {
    this.canvas.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, placeOf(event));
    if (this.#fingers.size === 1) this.#travelled = 0;
    const mode = event.shiftKey ? "rectangle" : this.mode;
    const isDrawing = mode !== "move" && this.#fingers.size === 1;
    this.#line = isDrawing ? [placeOf(event)] : null;
    this.#isBox = mode === "rectangle";
    if (this.#fingers.size > 1) this.wishes.drawing(null);
  };

  #move = (event: PointerEvent) => {
    const before = this.#fingers.get(event.pointerId);
    const now = placeOf(event);
    if (!before) {
      this.wishes.hover(now);
      return;
    }
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    this.#travelled += Math.hypot(dx, dy);
    const other = [...this.#fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.#fingers.set(event.pointerId, now);
    if (this.#line) {
      this.#draw(now);
    } else if (other) {
      const factor = distance(now, other) / Math.max(1, distance(before, other));
      this.wishes.zoom(factor, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
      this.wishes.pan(dx / 2, dy / 2);
    } else if (this.#travelled > CLICK_PX) {
      this.wishes.hover(null);
      this.wishes.pan(dx, dy);
    }
  };

  #draw(now: Place): void {
    const line = this.#line as Place[];
    const last = line.at(-1) as Place;
    if (!this.#isBox && distance(last, now) < LINE_PX) return;
    if (this.#isBox) line.splice(1, line.length - 1, ...box(line[0] as Place, now).slice(1));
    else line.push(now);
    this.wishes.hover(null);
    this.wishes.drawing(line);
  }

  #up = (event: PointerEvent) => {
    const line = this.#line;
    this.#line = null;
    if (line && this.#travelled > CLICK_PX) {
      this.#fingers.delete(event.pointerId);
      this.wishes.drawing(null);
      if (event.type === "pointerup" && line.length > 2) this.wishes.select(line);
      return;
    }
    const isClick = this.#fingers.size === 1 && this.#travelled <= CLICK_PX;
    this.#fingers.delete(event.pointerId);
    if (isClick && event.type === "pointerup") this.wishes.choose(placeOf(event));
  };

  #wheel = (event: WheelEvent) => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 18 : 1;
    const strength = event.ctrlKey ? 90 : 420;
    this.wishes.zoom(Math.exp((-event.deltaY * lines) / strength), placeOf(event));
  };

  #key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = this.#acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };

  #acts: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => this.wishes.pan(STEP_PX, 0),
    ArrowRight: () => this.wishes.pan(-STEP_PX, 0),
    ArrowUp: () => this.wishes.pan(0, STEP_PX),
    ArrowDown: () => this.wishes.pan(0, -STEP_PX),
    "+": () => this.wishes.zoom(KEY_ZOOM),
    "=": () => this.wishes.zoom(KEY_ZOOM),
    "-": () => this.wishes.zoom(1 / KEY_ZOOM),
    "0": () => this.wishes.all(),
    Enter: () => this.wishes.chooseCentral(),
    Escape: () => this.wishes.close(),
    "[": () => this.wishes.step("previous"),
    "]": () => this.wishes.step("next"),
    v: () => this.wishes.selectSeen(),
  };
}

function placeOf(event: MouseEvent): Place {
  return { x: event.offsetX, y: event.offsetY };
}

function distance(a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
