/**
 * The messages. Follows the newest line until the reader scrolls up, and then counts what waits below. To
 * a screen reader the log is silent (the announcer speaks) and one tab stop: arrow keys walk the lines.
 */
import { useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ChatStore } from "../store";
import { LineView } from "./line";
import { PendingLines } from "./pending";

const nearBottom = 60;

export function Log({ store }: { store: ChatStore }) {
  const box = useRef<HTMLDivElement>(null);
  const [acting, setActing] = useState<string | null>(null);
  const lines = store.shown.value;
  const pending = store.pending.value;

  const place = useRef({ top: 0, width: 0, height: 0 });

  const toBottom = () => {
    const log = box.current;
    if (!log) return;
    if (store.following.peek()) log.scrollTop = log.scrollHeight;
    place.current = { top: log.scrollTop, width: log.clientWidth, height: log.clientHeight };
  };
  useLayoutEffect(toBottom, [lines, pending]);
  useSignalEffect(() => { if (store.following.value) requestAnimationFrame(toBottom); });
  useEffect(() => {
    const watcher = new ResizeObserver(toBottom);
    watcher.observe(box.current!);
    return () => watcher.disconnect();
  }, []);

  // Only the reader scrolls up in a box of the same size: a turned phone, a keyboard or a line that
  // grows moves the lines too, and is no reason to stop following.
  const onScroll = () => {
    const log = box.current!;
    const before = place.current;
    place.current = { top: log.scrollTop, width: log.clientWidth, height: log.clientHeight };
    const atBottom = log.scrollHeight - log.scrollTop - log.clientHeight < nearBottom;
    const resized = before.width !== log.clientWidth || before.height !== log.clientHeight;
    if (store.following.peek() && !atBottom && (resized || log.scrollTop >= before.top)) return toBottom();
    if (atBottom !== store.following.peek() && !document.hidden) store.follow(atBottom);
  };

  const fresh = store.fresh.value;
  const [me, moderates, joined] = [store.me.value, store.moderates.value, store.joined.value];
  return (
    <main class="log-area">
      <div
        ref={box} class="log" role="log" aria-live="off" aria-label="Messages" tabIndex={0}
        onScroll={onScroll} onKeyDown={(event) => walk(event, box.current!)}
      >
        {joined && lines.length === 0 && pending.length === 0 && (
          <p class="empty quiet">Nothing has been said yet. The first word is yours.</p>
        )}
        <div class="lines">
          {lines.map((line) => (
            <LineView
              key={line.key} line={line} me={me} moderates={moderates} store={store}
              acting={acting === line.key} onAct={setActing}
            />
          ))}
          <PendingLines store={store} />
        </div>
      </div>
      {!store.following.value && (
        <button class="button primary jump" onClick={() => store.follow(true)}>
          {fresh === 0 ? "Back to the newest" : fresh === 1 ? "1 new message" : `${fresh} new messages`}
          <svg class="chevron" viewBox="0 0 12 12" aria-hidden="true"><path d="M2.5 4.5 6 8l3.5-3.5" /></svg>
        </button>
      )}
    </main>
  );
}

/** Arrow keys, Home and End move from line to line; Enter opens what may be done with one; Escape goes to the box. */
function walk(event: KeyboardEvent, log: HTMLElement): void {
  const target = event.target as HTMLElement;
  if (event.key === "Escape") {
    document.querySelector<HTMLElement>("textarea")?.focus();
    return;
  }
  if (target !== log && !target.classList.contains("line")) return;
  const rows = [...log.querySelectorAll<HTMLElement>(".line")];
  const at = rows.indexOf(target);
  const next: Record<string, number> = {
    ArrowUp: at < 0 ? rows.length - 1 : at - 1, ArrowDown: at < 0 ? rows.length - 1 : at + 1, Home: 0, End: rows.length - 1,
  };
  if (event.key === "Enter" && at >= 0) rows[at]?.querySelector<HTMLElement>(".more")?.click();
  else if (event.key in next) rows[next[event.key]!]?.focus();
  else return;
  event.preventDefault();
}
