/** How the window looks by the wish of the page around it: theme, accent, size of type, and styles of its own. */
import { applyTheme, isTheme } from "../shared/theme";
import type { ChatOptions } from "./options";

/** The custom properties that a theme may set; chat.css says what each is for. */
export const themeProperties = [
  "--ground", "--surface", "--raised", "--line", "--edge", "--text", "--quiet", "--accent", "--accent-hover", "--on-accent", "--soft",
  "--danger", "--danger-soft", "--warn", "--warn-soft", "--radius", "--font", "--chat-size", "--chat-pad", "--chat-gap", "--mention",
] as const;

const longestStyles = 65_536;

export function applyThemeOptions(options: ChatOptions): void {
  const root = document.documentElement;
  applyTheme(options.theme);
  for (const name of ["transparent", "compact", "overlay"] as const) if (options[name]) root.dataset[name] = "";
  if (options.fontSize) root.style.setProperty("--chat-size", `${options.fontSize}px`);
  if (options.overlay) root.style.setProperty("--fade", `${options.fade}s`);
  if (options.overlay && options.fade === 0) root.dataset.steady = "";
  const { accent } = options;
  if (accent) void import("./accent").then(({ accentStyles }) => setStyles("accent", accentStyles(accent)));
}

/** A theme by its word, as the host page may change it at any time; false for a word that is none. */
export function applyThemeByName(word: unknown): boolean {
  if (!isTheme(word) && word !== "auto" && word !== "transparent") return false;
  if (word === "transparent") document.documentElement.dataset.transparent = "";
  else delete document.documentElement.dataset.transparent;
  applyTheme(isTheme(word) ? word : null);
  return true;
}

const sheets = new Map<"accent" | "host", CSSStyleSheet>();

/**
 * A sheet of styles that no policy stands against: it is made here, not loaded. A new one takes
 * the place of the last, and the host page has the last word.
 */
export function setStyles(name: "accent" | "host", css: string): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css.slice(0, longestStyles));
  sheets.set(name, sheet);
  document.adoptedStyleSheets = (["accent", "host"] as const).flatMap((known) => sheets.get(known) ?? []);
}
