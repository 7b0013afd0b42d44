// How the points look: what colours them, which are hidden, which are lit.

import type { Corner } from "../data/areas.ts";
import { Coding, type Field } from "../data/coding.ts";
import type { Extra } from "../data/extra.ts";
import { Marks, type Span } from "../data/marks.ts";
import { KIND_COLOURS, type Theme } from "../data/palettes.ts";
import type { Origins, Points } from "../data/points.ts";
import type { Aim } from "../map/camera.ts";
import type { Density } from "../map/density.ts";
import type { AppState } from "./app_state.ts";
import type { Store } from "./store.ts";

/** What draws the points; there may be none yet. */
export interface Stagehand {
  /** Put points where they can be shown at once, in short slices. */
  prepare(points: Points, origins: Origins | null): Promise<void>;
  show(points: Points, coding: Coding, marks: Marks, origins: Origins | null): void;
  added(from: number, hasChanged: boolean): void;
  colour(coding: Coding, hidden: ReadonlySet<number>, theme: Theme): void;
  mark(): void;
  aimAt(aim: Aim): void;
  /** Look at the whole map, as at first. */
  showAll(): void;
  /** Corners of what is in view. */
  readonly corners: readonly Corner[];
  /** Draw points larger or smaller, and where many lie on each other, denser. */
  style(size: number, density: Density): void;
}

export class Painting {
  #points: Points | null = null;
  #coding: Coding | null = null;
  #marks: Marks | null = null;
  #stagehand: Stagehand | null = null;
  #aim: Aim | null = null;

  constructor(
    private readonly store: Store,
    /** Told when what the address has to say is another. */
    private readonly changed: () => void,
    /** Return what is known of a field that not every point has. */
    private readonly extraOf: (field: Field) => Extra | null,
  ) {}

  /** What somebody asked to colour by. */
  get chosenField(): Field | null {
    return this.store.state.isFieldChosen ? this.store.state.field : null;
  }

  /** Where one looks; nothing: at everything. */
  get aim(): Aim | null {
    return this.#aim;
  }

  /** Look somewhere. */
  aimAt(aim: Aim | null): void {
    const isElsewhere = this.#aim !== null;
    this.#aim = aim;
    if (aim) this.#stagehand?.aimAt(aim);
    else if (isElsewhere) this.#stagehand?.showAll();
  }

  /** What of the plane is in view: its corners. */
  get corners(): readonly Corner[] {
    return this.#stagehand?.corners ?? [];
  }

  /** Be told that somebody looks elsewhere. */
  looked(aim: Aim | null): void {
    this.#aim = aim;
    this.changed();
  }

  get coding(): Coding | null {
    return this.#coding;
  }

  get marks(): Marks | null {
    return this.#marks;
  }

  /** Have somebody draw, from now on. */
  drawWith(stagehand: Stagehand | null): void {
    this.#stagehand = stagehand;
    if (stagehand && this.#points && this.#coding && this.#marks) {
      stagehand.show(this.#points, this.#coding, this.#marks, null);
      this.recolour();
      this.#restyle();
      if (this.#aim) stagehand.aimAt(this.#aim);
    }
  }

  /** Get ready to show other points. */
  async prepare(points: Points, origins: Origins | null): Promise<void> {
    await this.#stagehand?.prepare(points, origins);
  }

  /** Show other points, or the same at other places. */
  replaced(points: Points, origins: Origins | null): void {
    const { isFieldChosen, field } = this.store.state;
    const isSettled = isFieldChosen || (this.#points?.size ?? 0) > 0;
    const shown = isSettled ? field : telling(points);
    this.#points = points;
    this.#coding = new Coding(points, shown, this.extraOf(shown));
    this.#marks = new Marks(points);
    this.store.set({ field: shown, entries: this.#coding.entries() });
    this.#stagehand?.show(points, this.#coding, this.#marks, origins);
    this.recolour();
  }

  /** Show the points that came, or that changed in place. */
  added(from: number, hasChanged: boolean): void {
    const coding = this.#coding;
    if (!coding) return;
    if (hasChanged) coding.recode();
    const isRecoded = coding.update() || hasChanged;
    this.#marks?.update();
    this.store.set({ entries: coding.entries() });
    this.#stagehand?.added(from, hasChanged);
    if (isRecoded) this.recolour();
  }

  leave(): void {
    this.#points = null;
    this.#coding = null;
    this.#marks = null;
    this.#aim = null;
  }

  setField(field: Field): void {
    this.store.set({ field, isFieldChosen: true, hidden: new Set() });
    this.encode();
    this.changed();
  }

  /** Find out anew what every point's colour means. */
  encode(): void {
    if (!this.#points) return;
    const { field } = this.store.state;
    this.#coding = new Coding(this.#points, field, this.extraOf(field));
    this.store.set({ entries: this.#coding.entries() });
    this.recolour();
  }

  /** Draw points in another way. */
  style(wish: Partial<Pick<AppState, "pointSize" | "density">>): void {
    this.store.set(wish);
    this.#restyle();
    this.changed();
  }

  #restyle(): void {
    const { pointSize, density } = this.store.state;
    this.#stagehand?.style(pointSize, density);
  }

  /** Hide an entry of the legend, or show it again. */
  toggle(key: string): void {
    const hidden = new Set(this.store.state.hidden);
    if (!hidden.delete(key)) hidden.add(key);
    this.hide(hidden);
  }

  /** Show only one entry; if it is the only one already, all. */
  only(key: string): void {
    const { entries, hidden } = this.store.state;
    const others = entries.map((one) => one.key).filter((one) => one !== key);
    const isAlone = !hidden.has(key) && others.every((one) => hidden.has(one));
    this.hide(new Set(isAlone ? [] : others));
  }

  showAll(): void {
    this.hide(new Set());
  }

  /** Hide these entries, and no others. */
  hide(hidden: ReadonlySet<string>): void {
    this.store.set({ hidden });
    this.recolour();
    this.changed();
  }

  /** Light some points and dim the others; with nothing, all are as ever. */
  light(rows: Uint32Array | null): void {
    this.#marks?.light(rows);
    this.#stagehand?.mark();
  }

  /** Show only what is in a span of time. */
  within(span: Span | null): void {
    this.#marks?.within(span);
    this.#stagehand?.mark();
  }

  recolour(): void {
    const { hidden, theme, entries } = this.store.state;
    if (!this.#coding) return;
    const codes = entries.filter((one) => hidden.has(one.key)).map((one) => one.code);
    this.#stagehand?.colour(this.#coding, new Set(codes), theme);
  }
}

/** Return what to colour by at first: what has several colours, and no more than can be told apart. */
function telling(points: Points): Field {
  if (points.types.words.length > 1) return "type";
  return points.sources.words.length <= KIND_COLOURS ? "source" : "step";
}
