/**
 * The words of the window in the reader's language. English is built in, in two parts: what the first view
 * says, and the rest, which comes with the parts that say it. Another language is one file, loaded before
 * the first drawing while the socket connects. Plurals, numbers and dates are the browser's (Intl).
 */
import type { Catalogue, Key } from "./lang/catalogue";
import { en } from "./lang/en";

export type Values = Record<string, string | number>;

/** Languages there is a catalogue for; those written from right to left turn the whole window. */
export const languages = ["en", "de", "es", "fr", "ja", "ar"] as const;
export type Language = (typeof languages)[number];

const files: Record<Exclude<Language, "en">, () => Promise<{ default: Catalogue }>> = {
  de: () => import("./lang/de"),
  es: () => import("./lang/es"),
  fr: () => import("./lang/fr"),
  ja: () => import("./lang/ja"),
  ar: () => import("./lang/ar"),
};

const messages: Partial<Catalogue> = { ...en };
let translated = false;
let locale = "en";
let plurals = new Intl.PluralRules(locale);
let numbers = new Intl.NumberFormat(locale);

/** The language asked for, or the first of the reader's that there is, or English. */
export function chooseLanguage(asked: string | null, preferred: readonly string[]): { language: Language; locale: string } {
  for (const tag of [asked, ...preferred]) {
    const language = tag?.toLowerCase().split(/[-_]/)[0];
    const found = languages.find((known) => known === language);
    if (found && tag) return { language: found, locale: valid(tag.replaceAll("_", "-")) ?? found };
  }
  return { language: "en", locale: "en" };
}

/** Speaks a language from now on. One whose file cannot be loaded leaves the window in English. */
export async function setLanguage(asked: string | null, preferred: readonly string[]): Promise<void> {
  const chosen = chooseLanguage(asked, preferred);
  const catalogue = chosen.language === "en" ? null : await files[chosen.language]().catch(() => null);
  if (chosen.language !== "en" && !catalogue) return;
  if (catalogue) Object.assign(messages, catalogue.default);
  translated = catalogue !== null;
  locale = chosen.locale;
  plurals = new Intl.PluralRules(locale);
  numbers = new Intl.NumberFormat(locale);
  clocks.clear();
  document.documentElement.lang = locale;
  document.documentElement.dir = chosen.language === "ar" ? "rtl" : "ltr";
}

/** Adds the English words of a part that was loaded later. */
export function addMessages(part: Partial<Catalogue>): void {
  if (!translated) Object.assign(messages, part);
}

/** The words for a key, with `{name}` replaced by the value of that name. */
export function t(key: Key, values: Values = {}): string {
  const phrase = messages[key] ?? key;
  const text = typeof phrase === "string" ? phrase : (phrase[plurals.select(Number(values.n))] ?? phrase.other);
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === "number" ? numbers.format(value) : (value ?? "");
  });
}

const clocks = new Map<string, Intl.DateTimeFormat>();
function dated(name: string, options: Intl.DateTimeFormatOptions, at: number): string {
  let format = clocks.get(name);
  if (!format) clocks.set(name, (format = new Intl.DateTimeFormat(locale, options)));
  return format.format(at);
}

/** 14:05, or 2:05 PM where that is the custom. */
export const clockTime = (at: number) => dated("clock", { hour: "numeric", minute: "2-digit" }, at);
/** The full moment, for who wants to know exactly. */
export const moment = (at: number) => dated("moment", { dateStyle: "long", timeStyle: "medium" }, at);
/** A day in words; today and yesterday by name. */
export function dayName(at: number, now = Date.now()): string {
  const days = Math.round((midnight(at) - midnight(now)) / 86_400_000);
  if (days === 0 || days === -1) return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(days, "day");
  return dated("day", { weekday: "long", day: "numeric", month: "long", year: "numeric" }, at);
}
/** A moment in short. */
export const shortMoment = (at: number) => dated("short", { dateStyle: "medium", timeStyle: "short" }, at);
/** A date without a time. */
export const dateText = (at: number) => dated("date", { dateStyle: "medium" }, at);

/** The start of the day, by the reader's clock, that a moment lies in. */
export function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** A whole number of a unit in the reader's language: "10 min", "1 day". */
export function unitText(count: number, unit: "second" | "minute" | "hour" | "day" | "week", display: "short" | "long" = "short"): string {
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: display }).format(count);
}

function valid(tag: string): string | null {
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? null;
  } catch {
    return null;
  }
}
