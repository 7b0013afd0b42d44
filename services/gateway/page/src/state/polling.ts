// Looks again and again at what is shown, while it is shown and somebody can see it.

export class Polling {
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isOpen = false;
  /** Counts how often it was opened: a look of a former time leads to no other one. */
  #times = 0;

  constructor(
    private readonly look: () => Promise<void>,
    /** How long to wait after a look, in milliseconds. */
    private readonly pause: () => number,
  ) {}

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#times += 1;
    void this.#follow(this.#times);
  }

  close(): void {
    this.#isOpen = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #follow(times: number): Promise<void> {
    if (document.visibilityState === "visible") await this.look();
    if (!this.#isOpen || times !== this.#times) return;
    this.#timer = setTimeout(() => void this.#follow(times), this.pause());
  }
}
