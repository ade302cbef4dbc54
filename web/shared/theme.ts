/** The theme of a page: what the address or the host asks for, else what the reader's system prefers. */

export type Theme = "light" | "dark";

export function isTheme(value: unknown): value is Theme {
  return value === "light" || value === "dark";
}

/** Puts the theme on the root element, where the styles look; without a choice it follows the system. */
export function applyTheme(chosen: Theme | null): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const resolve = () => { root.dataset.theme = chosen ?? (system.matches ? "dark" : "light"); };
  system.onchange = chosen ? null : resolve;
  resolve();
}
