/** What the address of the chat window asks for, read once. */
import { isTheme, type Theme } from "../shared/theme";

export interface ChatOptions {
  room: string | null;
  /** Sign in as a guest without being asked, once, when nobody is signed in. */
  guest: boolean;
  readonly: boolean;
  /** For a stream: transparent, read-only, only lines, which fade; newest at the foot. */
  overlay: boolean;
  /** Seconds until a line of the overlay fades; 0: never. */
  fade: number;
  theme: Theme | null;
  /** The window's ground lets the page behind it through. */
  transparent: boolean;
  /** As it was typed: [accentStyles] says whether it is a colour. */
  accent: string | null;
  /** In pixels. */
  fontSize: number | null;
  compact: boolean;
  noheader: boolean;
  hideUsers: boolean;
  lang: string | null;
  /** Only the host page signs people in: no forms of our own. */
  hostLogin: boolean;
  session: string | null;
  /** The host page's origin, when the address names it. */
  host: string | null;
}

export function chatOptions(search: string): ChatOptions {
  const query = new URLSearchParams(search);
  const on = (name: string) => query.has(name) && query.get(name) !== "0" && query.get(name) !== "false";
  const number = (name: string, least: number, most: number) => {
    const value = Number.parseFloat(query.get(name) ?? "");
    return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : null;
  };
  const theme = query.get("theme");
  const overlay = on("overlay");
  return {
    room: query.get("room") || null,
    guest: on("guest"),
    readonly: on("readonly") || overlay,
    overlay,
    fade: number("fade", 0, 3600) ?? 30,
    theme: isTheme(theme) ? theme : overlay ? "dark" : null,
    transparent: theme === "transparent" || overlay,
    accent: query.get("accent"),
    fontSize: number("fontSize", 10, 32),
    compact: query.get("density") === "compact" || on("compact") || overlay,
    noheader: on("noheader") || overlay,
    hideUsers: on("hideUsers"),
    lang: query.get("lang"),
    hostLogin: query.get("login") === "host",
    session: query.get("session") || null,
    host: query.get("host") || null,
  };
}
