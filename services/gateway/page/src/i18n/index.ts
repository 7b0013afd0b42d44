// The texts of the page, in the language of its reader; none stands anywhere else.

import i18next from "i18next";
import en from "./en.json";
import ru from "./ru.json";

export const LANGUAGES = ["en", "ru"] as const;
export type Language = (typeof LANGUAGES)[number];

type Plain<Key> = Key extends `${infer Word}_${"one" | "few" | "many" | "other"}` ? Word : Key;
/** What can be said; a plural is named without its form. */
export type Message = Plain<keyof typeof en> | keyof typeof en;

await i18next.init({
  lng: "en",
  fallbackLng: "en",
  resources: { en: { translation: en }, ru: { translation: ru } },
  interpolation: { escapeValue: false },
});
const FORMS: Record<string, Intl.NumberFormatOptions> = {
  percent: { style: "percent", maximumFractionDigits: 1 },
  decimal: { maximumFractionDigits: 1 },
};
/** The most that a part is: rounded up, it would be said to be all. */
const MOST_OF = 0.999;
for (const [name, options] of Object.entries(FORMS)) {
  i18next.services.formatter?.addCached(name, (language) => {
    const format = new Intl.NumberFormat(language, options);
    const isPart = (value: number) => options.style === "percent" && value < 1;
    return (value: number) => format.format(isPart(value) ? Math.min(value, MOST_OF) : value);
  });
}

/** Say something. */
export function t(message: Message, values: Readonly<Record<string, unknown>> = {}): string {
  return i18next.t(message, values);
}

/** Go on in another language. */
export async function speak(language: Language): Promise<void> {
  await i18next.changeLanguage(language);
}

/** Write a time as people of the language do. */
export function written(time: number | string, isShort = false): string {
  const date = new Date(time);
  const form: Intl.DateTimeFormatOptions = isShort
    ? { day: "numeric", month: "short", hour: "numeric", minute: "2-digit", ...yearOf(date) }
    : { dateStyle: "medium", timeStyle: "medium" };
  return new Intl.DateTimeFormat(i18next.language, form).format(date);
}

/** This year needs not be said. */
function yearOf(date: Date): Intl.DateTimeFormatOptions {
  return date.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
}

/** Write a day as people of the language do; days of the map begin at midnight of UTC. */
export function writtenDay(time: number): string {
  const form: Intl.DateTimeFormatOptions = { dateStyle: "medium", timeZone: "UTC" };
  return new Intl.DateTimeFormat(i18next.language, form).format(new Date(time));
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

const STEP = 1024;

/** Write a number of bytes as people of the language do; 1024 of a unit are one of the next. */
export function sized(bytes: number): string {
  let power = 0;
  while (bytes >= STEP ** (power + 1) && power < UNITS.length - 1) power += 1;
  const form: Intl.NumberFormatOptions = {
    style: "unit",
    unit: UNITS[power] ?? "byte",
    unitDisplay: power === 0 ? "long" : "short",
    maximumSignificantDigits: 3,
  };
  return new Intl.NumberFormat(i18next.language, form).format(bytes / STEP ** power);
}

/** Write a score with three digits, and never as one that it does not reach. */
export function scored(value: number): string {
  const digits = { minimumFractionDigits: 3, maximumFractionDigits: 3 };
  const least = Math.floor(value * 1000 + 1e-6) / 1000;
  return new Intl.NumberFormat(i18next.language, digits).format(least);
}

/** Write a number as people of the language do. */
export function counted(value: number): string {
  const form: Intl.NumberFormatOptions = { maximumSignificantDigits: 6 };
  const isPlain = Number.isInteger(value);
  return new Intl.NumberFormat(i18next.language, isPlain ? {} : form).format(value);
}
