/** Parts of the window that come after the first view, each a file of its own. */
import { useEffect, useState } from "preact/hooks";

/** What `load` gives, once it is wanted and there; a part that cannot be loaded is asked for again when it is wanted again. */
export function useLazy<T>(load: () => Promise<T>, wanted = true): T | null {
  const [part, setPart] = useState<{ it: T } | null>(null);
  useEffect(() => {
    if (wanted && !part) load().then((it) => setPart({ it }), () => {});
  }, [wanted]);
  return part?.it ?? null;
}
