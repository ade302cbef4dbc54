/** Emotes by the host page's wish: words that are drawn as pictures. Nothing is loaded from other hosts. */

const most = 2000;
const longestWord = 40;

/** The words and pictures that may be used: data: pictures, and addresses of this origin. Null when there is none. */
export function emoteTable(given: unknown, origin: string): ReadonlyMap<string, string> | null {
  if (typeof given !== "object" || given === null) return null;
  const table = new Map<string, string>();
  for (const [word, source] of Object.entries(given)) {
    if (table.size >= most) break;
    if (!word || word.length > longestWord || /\s/.test(word) || typeof source !== "string") continue;
    const picture = safePicture(source, origin);
    if (picture) table.set(word, picture);
  }
  return table.size ? table : null;
}

function safePicture(source: string, origin: string): string | null {
  if (/^data:image\/(png|gif|webp|avif|jpeg|svg\+xml)[;,]/i.test(source)) return source;
  try {
    const url = new URL(source, origin);
    return url.origin === origin && /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
