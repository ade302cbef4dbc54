/**
 * The colour of a name: its hue comes from the uid and never changes; its lightness is moved until the
 * contrast with the message background is at least 4.6 on either theme.
 */

export interface NameColour { light: string; dark: string }

/** The grounds that names stand on, the hardest of each theme: a line under the pointer, a line that means me. */
export const backgrounds = { light: "#f1f3f6", dark: "#2b2616" } as const;

const leastContrast = 4.6;
const known = new Map<string, NameColour>();

export function nameColour(uid: string): NameColour {
  const found = known.get(uid);
  if (found) return found;
  if (known.size > 2000) known.clear();
  const colour = colourOfHue(hash(uid) % 360);
  known.set(uid, colour);
  return colour;
}

export function colourOfHue(hue: number): NameColour {
  return {
    light: readable(hue, 0.7, 0.46, -0.01, backgrounds.light),
    dark: readable(hue, 0.7, 0.6, 0.01, backgrounds.dark),
  };
}

/** The contrast of two #rrggbb colours as WCAG 2 counts it: 1 to 21. */
export function contrast(one: string, other: string): number {
  const [high = 0, low = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

/** A colour whose lightness is moved by steps until it can be read on a background. */
export function readable(hue: number, saturation: number, start: number, step: number, background: string, least = leastContrast): string {
  let lightness = start;
  let colour = hex(hue, saturation, lightness);
  while (contrast(colour, background) < least && lightness >= 0 && lightness <= 1) {
    lightness += step;
    colour = hex(hue, saturation, lightness);
  }
  return colour;
}

function hex(hue: number, saturation: number, lightness: number): string {
  const chroma = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const value = lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(value * 255).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** FNV-1a, then mixed so that neighbouring uids differ in hue. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value ^= value >>> 15;
  return Math.imul(value, 0x85ebca6b) >>> 0;
}
