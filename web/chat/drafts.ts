/** What was typed and not sent, per room. It survives a reload where storage works, and a change of room everywhere. */
const kept = new Map<string, string>();
const keyOf = (session: string | null, room: string) => `chat_draft:${session ? session + ":" : ""}${room}`;

export function readDraft(session: string | null, room: string): string {
  const key = keyOf(session, room);
  try {
    return kept.get(key) ?? sessionStorage.getItem(key) ?? "";
  } catch {
    return kept.get(key) ?? "";
  }
}

export function writeDraft(session: string | null, room: string, text: string): void {
  const key = keyOf(session, room);
  kept.set(key, text);
  try {
    if (text && !holdsPassword(text)) sessionStorage.setItem(key, text);
    else sessionStorage.removeItem(key);
  } catch {
    // Storage is blocked: the draft lives as long as the page.
  }
}

/** True for a command with a password in it: it is not to be stored, and not to be shown. */
export function holdsPassword(text: string): boolean {
  return /^\s*[!/]login\s+\S/i.test(text);
}
