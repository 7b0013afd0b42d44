// Language, theme and the name of the page: what a reader prefers.

import type { Theme } from "../data/palettes.ts";
import { type Language, speak, t } from "../i18n/index.ts";
import type { Painting } from "./painting.ts";
import { keep, preferredLanguage, preferredTheme } from "./preferences.ts";
import type { Store } from "./store.ts";

export class Appearance {
  constructor(
    private readonly store: Store,
    private readonly painting: Painting,
  ) {}

  /** Begin as the reader prefers. */
  async begin(): Promise<void> {
    await this.setLanguage(preferredLanguage(), false);
    this.setTheme(preferredTheme(), false);
  }

  setTheme(theme: Theme, isChosen = true): void {
    if (isChosen) keep({ theme });
    document.documentElement.dataset["theme"] = theme;
    this.store.set({ theme });
    this.painting.recolour();
  }

  async setLanguage(language: Language, isChosen = true): Promise<void> {
    if (isChosen) keep({ language });
    await speak(language);
    document.documentElement.lang = language;
    this.store.set({ language });
    this.name();
  }

  /** Say in the browser's own line which map this is. */
  name(): void {
    const { title, collection } = this.store.state;
    const name = title ?? collection;
    document.title = name ? t("page_title", { name }) : t("title");
  }
}
