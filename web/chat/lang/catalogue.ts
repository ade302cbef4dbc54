/** The shape of a language: every key of the English texts, each with one text or one for each plural form. */
import type { en } from "./en";
import type { enDeferred } from "./en-deferred";

export type Key = keyof typeof en | keyof typeof enDeferred;
/** A text, or one for each plural form that the language has, chosen by the value `n`. */
export type Phrase = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);
export type Catalogue = Record<Key, Phrase>;
