// The record that is open beside the map.

import type { RecordCache } from "./record_cache.ts";
import type { Store } from "./store.ts";

export class Opening {
  constructor(
    private readonly store: Store,
    private readonly records: RecordCache,
    private readonly changed: () => void,
  ) {}

  get id(): string | null {
    const { opened } = this.store.state;
    return opened.kind === "none" ? null : opened.id;
  }

  async open(id: string): Promise<void> {
    const { collection, opened } = this.store.state;
    this.store.set({ isListShown: false });
    if (!collection || (opened.kind === "record" && opened.id === id)) return;
    this.store.set({ opened: { kind: "loading", id } });
    this.changed();
    const isStill = () => this.store.state.collection === collection && this.id === id;
    try {
      const record = await this.records.get(collection, id);
      if (isStill()) this.store.set({ opened: { kind: "record", id, record } });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      if (isStill()) this.store.set({ opened: { kind: "failed", id, detail } });
    }
  }

  close(): void {
    this.store.set({ opened: { kind: "none" } });
    this.changed();
  }
}
