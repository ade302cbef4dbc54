/**
 * A message's text in parts: plain text, links, mentions, emotes. Links are http and https alone, and end
 * before the punctuation of the sentence that they stand in. Never makes markup: the parts are drawn as text.
 */
export type Part =
  | { kind: "text"; text: string }
  | { kind: "link"; text: string; href: string }
  | { kind: "mention"; text: string; me: boolean }
  | { kind: "emote"; text: string; src: string };

const special = /(?:https?:\/\/|www\.)[^\s<>"]+|@[\p{L}\p{N}_][\p{L}\p{N}\p{M}_-]*/giu;

/** `emote` gives the picture for a word, when there is one. */
export function parts(text: string, names: RegExp | null, emote: ((word: string) => string | undefined) | null): readonly Part[] {
  const found: Part[] = [];
  let at = 0;
  for (const match of text.matchAll(special)) {
    // A part of what was taken already, or the middle of a word.
    const mention = match[0].startsWith("@");
    if (match.index < at || (mention ? /[\p{L}\p{N}_.]/u : /[\p{L}\p{N}]/u).test(text[match.index - 1] ?? "")) continue;
    // My own name may have spaces.
    const mine = mention ? names?.exec(text.slice(match.index)) : null;
    const word = mine?.index === 1 ? `@${mine[0]}` : mention ? match[0] : unpunctuated(match[0]);
    const href = mention ? null : linkTarget(word);
    if (!mention && !href) continue;
    plain(found, text.slice(at, match.index), names, emote);
    found.push(href ? { kind: "link", text: word, href } : { kind: "mention", text: word, me: mine?.index === 1 });
    at = match.index + word.length;
  }
  plain(found, text.slice(at), names, emote);
  return found;
}

/** Finds a name where it stands as a word of its own; one of one or two letters only behind `@`. */
export function nameFinder(name: string | undefined): RegExp | null {
  if (!name) return null;
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`${[...name].length < 3 ? "(?<=@)" : "(?<![\\p{L}\\p{N}_])"}${escaped}(?![\\p{L}\\p{N}_-])`, "iu");
}

/** True for a text of a few emoji and nothing else, which is drawn larger. */
export function isEmojiOnly(text: string): boolean {
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: the signs that join emoji are meant one by one
  return text.length <= 40 && /^(?:[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\u200d\ufe0f\u20e3\s])+$/u.test(text) && /\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(text);
}

function plain(found: Part[], text: string, names: RegExp | null, emote: ((word: string) => string | undefined) | null): void {
  if (!text) return;
  const mine = names?.exec(text);
  if (mine) {
    plain(found, text.slice(0, mine.index), null, emote);
    found.push({ kind: "mention", text: mine[0], me: true });
    return plain(found, text.slice(mine.index + mine[0].length), names, emote);
  }
  if (!emote) return void found.push({ kind: "text", text });
  let kept = "";
  for (const word of text.split(/(\s+)/)) {
    const src = emote(word);
    if (!src) {
      kept += word;
      continue;
    }
    if (kept) found.push({ kind: "text", text: kept });
    kept = "";
    found.push({ kind: "emote", text: word, src });
  }
  if (kept) found.push({ kind: "text", text: kept });
}

/** A link without the punctuation that ends its sentence; a bracket stays when it was opened inside. */
function unpunctuated(link: string): string {
  let end = link.length;
  for (;;) {
    const last = link[end - 1] ?? "";
    const opened = last === ")" && link.slice(0, end).split("(").length >= link.slice(0, end).split(")").length;
    if (end > 0 && /[.,;:!?'"’”»)\]}…*_~]/.test(last) && !opened) end--;
    else return link.slice(0, end);
  }
}

function linkTarget(word: string): string | null {
  try {
    const url = new URL(/^https?:/i.test(word) ? word : `https://${word}`);
    return url.hostname && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}
