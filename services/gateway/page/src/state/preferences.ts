// What a reader chose, kept in this browser; at first as the system has it.

import type { Theme } from "../data/palettes.ts";
import { LANGUAGES, type Language } from "../i18n/index.ts";

const KEY = "mapstream.preferences";

interface Kept {
  readonly theme?: Theme;
  readonly language?: Language;
  readonly areNamesShown?: boolean;
  readonly collection?: string;
}

export function preferredTheme(): Theme {
  return kept().theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

export function preferredLanguage(): Language {
  const own = kept().language;
  if (own) return own;
  const wished = navigator.languages.map((one) => one.slice(0, 2).toLowerCase());
  return wished.map((one) => LANGUAGES.find((known) => known === one)).find(Boolean) ?? "en";
}

/** Whether regions are named on the map. */
export function prefersNames(): boolean {
  return kept().areNamesShown ?? true;
}

/** The collection that was looked at last. */
export function lastCollection(): string | null {
  return kept().collection ?? null;
}

/** Keep a choice; where nothing can be kept, it holds until the page is closed. */
export function keep(choice: Kept): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...kept(), ...choice }));
  } catch {
    // Private windows may refuse.
  }
}

function kept(): Kept {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Kept;
  } catch {
    return {};
  }
}
