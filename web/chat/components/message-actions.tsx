/**
 * What the reader does in the log: a resting pointer, a walk with the arrow keys and a held Alt keep
 * it from moving; the line pointed at has its tools, and Enter opens what may be done with it.
 */
import { useSignalEffect } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";
import type { Message } from "../../sdk/src";
import { newer, older } from "../history";
import { clockTime, moment, t } from "../i18n";
import { useLazy } from "../lazy";
import { mayDelete } from "../ranks";
import type { ChatStore } from "../store";
import { Icon } from "./icons";

/** A pointer that rests this long reads no more. */
const pointerRest = 10_000;

/** The next page at one end of the window. */
export function loadMore(store: ChatStore, end: "older" | "newer"): void {
  void (end === "older" ? older : newer)(store.room.viewport, store.session.rest);
}

/** Above the first line: the way further back, or the word that there is none. */
export function Beginning({ store }: { store: ChatStore }) {
  const { viewport } = store.room;
  if (!store.room.joined.value) return null;
  if (viewport.begun.value) return <p class="begin quiet">{t("begin")}</p>;
  const back = () => { viewport.hold("scroll"); loadMore(store, "older"); };
  return <button class="button small bare begin" disabled={viewport.loading.value} onClick={back}>{t(viewport.loading.value ? "older" : "showOlder")}</button>;
}

/** On the line that is pointed at or walked to. */
export function Tools({ store, message, head }: { store: ChatStore; message: Message; head: boolean }) {
  const own = store.room.me.value?.uid === message.user.uid;
  return (
    <span class="tools">
      {!head && <time title={moment(message.timestamp)}>{clockTime(message.timestamp)}</time>}
      {store.session.signedIn.value && (
        <button class="tool" aria-label={t("reply")} title={t("reply")} onClick={() => { store.outgoing.answering.value = message; }}><Icon name="reply" /></button>
      )}
      <button
        class="tool more" aria-haspopup="dialog" aria-expanded={store.moderation.acting.value?.id === message.id} onClick={() => { store.moderation.acting.value = message; }}
        aria-label={own ? t("actionsOwn") : t("actionsOn", { name: message.user.displayName })}
      ><Icon name="dots" /></button>
    </span>
  );
}

export function MessageActions({ store, box, readonly }: { store: ChatStore; box: RefObject<HTMLDivElement | null>; readonly: boolean }) {
  const { viewport } = store.room;
  const acting = store.moderation.acting.value;
  const menu = useLazy(() => import("./menu"), acting !== null);
  const lines = viewport.view.value;
  const there = acting === null || lines.some((line) => line.key === String(acting.id));
  useEffect(() => { if (!there) store.moderation.acting.value = null; }, [there]);
  useEffect(() => {
    if (!acting) return;
    viewport.hold("menu");
    return () => viewport.release("menu");
  }, [acting]);
  useEffect(() => () => { store.moderation.acting.value = null; }, []);

  useSignalEffect(() => {
    const wanted = viewport.reveal.value;
    if (wanted) requestAnimationFrame(() => reveal(box.current, wanted.id));
  });
  useEffect(() => listen(store, box.current!, readonly), []);

  const close = () => {
    const row = acting && box.current?.querySelector<HTMLElement>(`[data-id="${acting.id}"]`);
    store.moderation.acting.value = null;
    (row || box.current)?.focus({ preventScroll: true });
  };
  return menu && acting && there ? <menu.Menu key={acting.id} store={store} message={acting} log={box} onClose={close} /> : null;
}

/** Hears pointer and keys; what comes back ends it. */
function listen(store: ChatStore, log: HTMLElement, readonly: boolean): () => void {
  const { viewport } = store.room;
  let rest: ReturnType<typeof setTimeout> | undefined;
  const point = (event: Event) => {
    store.active.value = (event.target as HTMLElement).closest<HTMLElement>(".line[data-id]")?.dataset.id ?? null;
  };
  const leave = () => {
    clearTimeout(rest);
    viewport.release("hover");
    if (!log.contains(document.activeElement) || document.activeElement === log) store.active.value = null;
  };
  const messageOf = (row: HTMLElement) => {
    const line = viewport.view.peek().find((other) => other.key === row.dataset.id);
    return line?.kind === "message" ? line.message : null;
  };
  const over = new AbortController();
  const on = <E extends Event>(target: EventTarget, name: string, listener: (event: E) => void) =>
    target.addEventListener(name, listener as EventListener, { signal: over.signal });

  on(log, "pointermove", (event: PointerEvent) => {
    if (event.pointerType !== "mouse") return;
    clearTimeout(rest);
    rest = setTimeout(leave, pointerRest);
    viewport.hold("hover");
    point(event);
  });
  on(log, "pointerleave", leave);
  on(log, "click", point);
  on(log, "focusin", (event: FocusEvent) => {
    const target = event.target as HTMLElement;
    if (target === log) return;
    point(event);
    if (target.matches(":focus-visible")) viewport.hold("key");
  });
  on(log, "focusout", (event: FocusEvent) => { if (!log.contains(event.relatedTarget as Node | null)) viewport.release("key"); });
  on(log, "keydown", (event: KeyboardEvent) => {
    const message = messageOf(event.target as HTMLElement);
    if (!message || readonly || event.ctrlKey || event.metaKey || event.altKey) return walk(event, log);
    if (event.key === "Enter" || (event.key === "Delete" && mayDelete(store.room.me.peek(), message))) store.moderation.acting.value = message;
    else if (event.key === "r" && store.session.signedIn.peek()) store.outgoing.answering.value = message;
    else return walk(event, log);
    event.preventDefault();
  });
  on(window, "keydown", (event: KeyboardEvent) => { if (event.key === "Alt" && !event.repeat) viewport.hold("key"); });
  on(window, "keyup", (event: KeyboardEvent) => { if (event.key === "Alt") viewport.release("key"); });
  on(window, "blur", () => viewport.release("key"));
  return () => over.abort();
}

/** Brings a message to the middle and lets it light up. */
function reveal(log: HTMLElement | null, id: number): void {
  const row = log?.querySelector<HTMLElement>(`[data-id="${id}"]`);
  if (!row) return;
  row.scrollIntoView({ block: "center" });
  row.focus({ preventScroll: true });
  row.animate([{ backgroundColor: "var(--found)" }, { backgroundColor: "var(--found)", offset: 0.5 }, {}], 1800);
}

/** Arrow keys, Home and End move from line to line; Escape goes to the box. */
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
  if (!(event.key in next)) return;
  rows[next[event.key]!]?.focus();
  event.preventDefault();
}
