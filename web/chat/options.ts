/** What the address of the chat window asks for, read once. */
import { isTheme, type Theme } from "../shared/theme";

export interface ChatOptions {
  room: string | null;
  /** Sign in as a guest without being asked, once, when nobody is signed in. */
  guest: boolean;
  readonly: boolean;
  theme: Theme | null;
  session: string | null;
  /** The host page's origin, when the address names it. */
  host: string | null;
}

export function chatOptions(search: string): ChatOptions {
  const query = new URLSearchParams(search);
  const on = (name: string) => query.has(name) && query.get(name) !== "0" && query.get(name) !== "false";
  const theme = query.get("theme");
  return {
    room: query.get("room") || null,
    guest: on("guest"),
    readonly: on("readonly"),
    theme: isTheme(theme) ? theme : null,
    session: query.get("session") || null,
    host: query.get("host") || null,
  };
}
