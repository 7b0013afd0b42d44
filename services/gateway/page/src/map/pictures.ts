// When pictures are drawn: one frame after the other while something moves, and one part of a
// picture after the other when all is still.

import { Pace } from "./pace.ts";
import type { Renderer } from "./renderer.ts";

/** What is drawn. */
export interface Subject {
  readonly isMoving: () => boolean;
  /** Have the canvas fit its place, as it is when a picture is about to be drawn. */
  readonly fit: () => void;
  /** Begin a picture of how it is at a time. */
  readonly begin: (now: number) => void;
}

export class Pictures {
  #pace = new Pace();
  #isOutdated = false;
  #frame: number | null = null;

  constructor(
    private readonly renderer: Pick<Renderer, "more" | "isPartial">,
    private readonly subject: Subject,
  ) {}

  /** How many points are drawn in one frame. */
  get atOnce(): number {
    return this.#pace.atOnce;
  }

  /** Something has changed: draw another picture. */
  renew(): void {
    this.#isOutdated = true;
    this.#schedule();
  }

  end(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
  }

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  /** Draw a picture, or a part of it. */
  #draw(): void {
    const now = performance.now();
    this.#pace.begin(now);
    this.subject.fit();
    const isOutdated = this.#isOutdated || this.subject.isMoving();
    this.#isOutdated = false;
    if (isOutdated) this.subject.begin(now);
    else this.renderer.more();
    if (this.subject.isMoving() || this.renderer.isPartial) this.#schedule();
    else if (!this.#isOutdated) this.#pace.rest();
  }
}
