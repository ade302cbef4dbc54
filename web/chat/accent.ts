/** The accent that an embedding page asks for, made readable on both themes. */
import { backgrounds, contrast, type NameColour, readable } from "./colour";

/** More than for names, since it also stands on a ground that it tints. */
const accentContrast = 5.2;

/** A text as #rrggbb, with or without its #; null when it is no such colour. */
export function hexColour(text: string | null): string | null {
  const digits = /^#?([\da-f]{3}|[\da-f]{6})$/i.exec(text ?? "")?.[1]?.toLowerCase();
  if (!digits) return null;
  return "#" + (digits.length === 3 ? [...digits].map((digit) => digit + digit).join("") : digits);
}

/** The styles that make a colour the accent of both themes; none for what is no colour. */
export function accentStyles(typed: string): string {
  const accent = hexColour(typed);
  if (!accent) return "";
  const { light, dark } = accentColours(accent);
  const rule = (where: string, colour: string) => `${where}{--accent:${colour};--on-accent:${inkOn(colour)};`
    + "--accent-hover:color-mix(in srgb,var(--accent) 85%,var(--text));--soft:color-mix(in srgb,var(--accent) 12%,var(--surface))}";
  return rule(":root", light) + rule(':root:where([data-theme="dark"])', dark);
}

/** A colour for links, badges and buttons on either theme: as it is where it can be read, else lighter or darker. */
export function accentColours(accent: string): NameColour {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => parseInt(accent.slice(at, at + 2), 16) / 255);
  const [high, low] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const [lightness, spread] = [(high + low) / 2, high - low];
  const saturation = spread === 0 ? 0 : spread / (1 - Math.abs(2 * lightness - 1));
  const sector = spread === 0 ? 0 : high === red ? ((green - blue) / spread + 6) % 6 : high === green ? (blue - red) / spread + 2 : (red - green) / spread + 4;
  return {
    light: readable(sector * 60, saturation, lightness, -0.01, backgrounds.light, accentContrast),
    dark: readable(sector * 60, saturation, lightness, 0.01, backgrounds.dark, accentContrast),
  };
}

/** Black or white, whichever reads better on a colour. */
export function inkOn(colour: string): string {
  return contrast(colour, "#ffffff") >= contrast(colour, "#10131a") ? "#ffffff" : "#10131a";
}
