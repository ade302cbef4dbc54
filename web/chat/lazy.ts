/** Parts of the window that come after the first view, each a file of its own. */
import { useEffect, useState } from "preact/hooks";

const tryAgainAfter = 3000;

/** What `load` gives, once it is wanted and there; while it cannot be loaded, it is tried again. */
export function useLazy<T>(load: () => Promise<T>, wanted = true): T | null {
  const [part, setPart] = useState<{ it: T } | null>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (!wanted || part) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    load().then((it) => setPart({ it }), () => { timer = setTimeout(() => setTries(tries + 1), tryAgainAfter); });
    return () => clearTimeout(timer);
  }, [wanted, tries]);
  return part?.it ?? null;
}
