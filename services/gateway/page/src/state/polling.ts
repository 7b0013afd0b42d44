// Looks again and again at what is shown, while it is shown and somebody can see it.

export class Polling {
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isOpen = false;

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
    void this.#follow();
  }

  close(): void {
    this.#isOpen = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #follow(): Promise<void> {
    if (document.visibilityState === "visible") await this.look();
    if (this.#isOpen) this.#timer = setTimeout(() => void this.#follow(), this.pause());
  }
}
