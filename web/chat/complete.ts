/** What is being typed that could be completed – a command, a name, an emoji – and what to offer for it. */
import type { CommandInfo } from "../sdk/src";

export interface Wanted { kind: "command" | "name" | "emoji"; word: string; from: number; to: number }
export interface Suggestion { key: string; label: string; detail?: string; insert: string }

const most = 7;

/** The unfinished word before the caret; null where nothing is to be completed. `takesName` says which commands name somebody first. */
export function wanted(text: string, caret: number, takesName: (command: string) => boolean): Wanted | null {
  const before = text.slice(0, caret);
  const at = (kind: Wanted["kind"], word: string, sign: number): Wanted => ({ kind, word, from: caret - word.length - sign, to: caret });
  const command = /^[/!]([a-z]*)$/i.exec(before);
  if (command) return at("command", command[1]!, 0);
  const named = /^[/!]([a-z]+)\s+@?([^\s"]*)$/i.exec(before);
  if (named && takesName(named[1]!.toLowerCase())) return at("name", named[2]!, before.at(-1 - named[2]!.length) === "@" ? 1 : 0);
  // A name may have spaces: as far as somebody's name goes on like that, it is offered.
  const name = /(?:^|[\s(])@([^@\n]{0,32})$/u.exec(before);
  if (name) return at("name", name[1]!, 1);
  const emoji = /(?:^|\s):([a-z_]{2,})$/.exec(before);
  if (emoji) return at("emoji", emoji[1]!, 1);
  return null;
}

export function commandSuggestions(commands: readonly CommandInfo[], word: string): Suggestion[] {
  const asked = word.toLowerCase();
  return commands.filter(({ name }) => name.startsWith(asked)).slice(0, most).map(({ name, usage, help }) => (
    { key: name, label: usage, detail: help, insert: `${name} ` }
  ));
}

/** Names that begin with the word, then those that hold it; the order given is kept. In a command a name with spaces is quoted. */
export function nameSuggestions(names: readonly string[], word: string, inCommand: boolean): Suggestion[] {
  const asked = word.toLowerCase();
  const first = names.filter((name) => name.toLowerCase().startsWith(asked));
  const second = asked && !/\s/.test(asked) ? names.filter((name) => !first.includes(name) && name.toLowerCase().includes(asked)) : [];
  return [...first, ...second].slice(0, most).map((name) => (
    { key: name, label: name, insert: inCommand ? `${/\s/.test(name) ? `"${name}"` : name} ` : `@${name} ` }
  ));
}

/** The text with the unfinished word replaced, and where the caret goes. */
export function completed(text: string, { from, to }: Wanted, insert: string): { text: string; caret: number } {
  const rest = text.slice(to).replace(/^ /, "");
  return { text: text.slice(0, from) + insert + rest, caret: from + insert.length };
}
