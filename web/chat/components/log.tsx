/**
 * The messages. The window follows the newest line until the reader scrolls up, points at a line, walks
 * with the arrow keys or holds Alt (message-actions.tsx); then nothing moves, and what comes is counted. To a screen
 * reader the log is silent (the announcer speaks) and one tab stop.
 */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import type { ChatOptions } from "../options";
import type { ChatStore } from "../store";
import { Icon } from "./icons";
import { Rows } from "./rows";

const nearBottom = 60;

export type FooterModule = typeof import("./footer");

/** `footer` is what comes after the first view: without it the log is to look at alone. */
export function Log({ store, options: { readonly, compact }, footer }: { store: ChatStore; options: ChatOptions; footer: FooterModule | null }) {
  const { viewport } = store.room;
  const box = useRef<HTMLDivElement>(null);
  const lines = viewport.view.value;
  const following = viewport.following.value;
  const pending = store.room.pending.value;
  const place = useRef({ top: 0, width: 0, height: 0 });
  const keep = (log: HTMLElement) => { place.current = { top: log.scrollTop, width: log.clientWidth, height: log.clientHeight }; };

  const settle = () => {
    const log = box.current;
    if (!log) return;
    if (viewport.following.peek()) log.scrollTop = log.scrollHeight;
    keep(log);
  };
  useLayoutEffect(settle, [lines, pending, following]);
  useEffect(() => {
    const watcher = new ResizeObserver(settle);
    watcher.observe(box.current!);
    return () => watcher.disconnect();
  }, []);

  // Only the reader scrolls up in a box of the same size: a turned phone, a keyboard or a line that
  // grows moves the lines too, and is no reason to stop following.
  const onScroll = () => {
    const log = box.current!;
    const before = place.current;
    keep(log);
    const below = log.scrollHeight - log.scrollTop - log.clientHeight;
    const resized = before.width !== log.clientWidth || before.height !== log.clientHeight;
    const up = log.scrollTop < before.top;
    if (viewport.following.peek()) {
      if (below < nearBottom) return;
      if (resized || !up) return settle();
    }
    if (document.hidden) return;
    if (up && below >= nearBottom) viewport.hold("scroll");
    if (up && log.scrollTop < log.clientHeight) footer?.loadMore(store, "older");
    if (up || below >= log.clientHeight) return;
    if (below < nearBottom && viewport.atEnd.peek()) viewport.release("scroll");
    else footer?.loadMore(store, "newer");
  };

  const fresh = viewport.fresh.value;
  const empty = store.room.joined.value && lines.length === 0;
  return (
    <main class="log-area">
      <div ref={box} class="log" role="log" aria-live="off" aria-label={t("messages")} tabIndex={0} onScroll={onScroll}>
        {empty && pending.length === 0 && <p class="empty quiet">{t("empty")}</p>}
        {footer && !empty && <footer.Beginning store={store} />}
        <Rows
          store={store} box={box} lines={lines} mark={viewport.mark.value} following={following} grouped={!compact}
          Tools={readonly ? null : (footer?.Tools ?? null)}
        />
        {footer && !readonly && <footer.PendingLines store={store} />}
      </div>
      {!following && (fresh > 0 || viewport.holds.value.has("scroll")) && (
        <button class="button primary jump" onClick={() => { viewport.latest(); box.current?.focus({ preventScroll: true }); }}>
          {fresh > 0 ? t("waiting", { n: fresh }) : t("newest")} <Icon name="down" />
        </button>
      )}
      {footer && <footer.MessageActions store={store} box={box} readonly={readonly} />}
    </main>
  );
}
