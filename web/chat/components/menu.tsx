/**
 * What may be done with a message and its author. What the reader may do to them is asked of the server;
 * what cannot be undone asks once more, in place. The card of the author is the same pane's other side.
 */
import "../deferred-messages";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Message } from "../../sdk/src";
import { t } from "../i18n";
import type { ChatStore } from "../store";
import { Card, useCard } from "./card";
import { type Asking, Confirm, TimeOuts } from "./sanctions";

interface Props { store: ChatStore; message: Message; log: RefObject<HTMLDivElement | null>; onClose: () => void }

export function Menu({ store, message, log, onClose }: Props) {
  const pane = useRef<HTMLDivElement>(null);
  const [side, turn] = useState<"menu" | "card" | Asking>("menu");
  const [copied, setCopied] = useState(false);
  const [card, again] = useCard(store, message.user.uid);
  const name = message.user.displayName;
  usePlace(pane, log, message.id, side, card);
  useLayoutEffect(() => pane.current?.querySelector<HTMLElement>("[data-first], button")?.focus({ preventScroll: true }), [side]);
  useEffect(() => {
    const outside = (event: PointerEvent | KeyboardEvent) => {
      if (pane.current?.contains(event.target as Node) || ("key" in event && event.key !== "Escape")) return;
      onClose();
    };
    addEventListener("pointerdown", outside);
    addEventListener("keydown", outside);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("keydown", outside);
    };
  }, []);

  const own = store.room.me.value?.uid === message.user.uid;
  const may = (what: string) => card.may.has(what);
  const pinned = store.room.settings.value?.pinned?.id === message.id;
  const then = (request: Promise<unknown>) => void store.session.run(request).then((done) => { if (done) onClose(); });
  const copy = () => void navigator.clipboard?.writeText(message.message).then(() => setCopied(true), () => {});
  return (
    <div
      ref={pane} class="menu pane" role="dialog" aria-label={side === "card" ? t("about", { name }) : own ? t("actionsOwn") : t("actionsOn", { name })}
      onKeyDown={(event) => onPaneKey(event, pane.current!, side === "menu" ? onClose : () => turn("menu"))}
    >
      {side === "card" ? <Card store={store} user={message.user} card={card} onBack={() => turn("menu")} onAsk={turn} onChange={again} onShow={onClose} />
      : side !== "menu" ? <Confirm store={store} user={message.user} asking={side} onDone={onClose} onKeep={() => turn("menu")} />
      : (
        <>
          <div class="entries">
            {store.session.signedIn.value && (
              <button class="button small bare" onClick={() => { onClose(); store.outgoing.answering.value = message; }}>{t("reply")}</button>
            )}
            <button class="button small bare" onClick={() => turn("card")}><span>{t("about", { name })}</span></button>
            <button class="button small bare" onClick={copy}>{t(copied ? "copied" : "copyText")}</button>
            {store.moderation.capabilities.value.has("pin") && (
              <button class="button small bare" onClick={() => then(pinned ? store.session.rest.unpin(message.id) : store.session.rest.pin(message.id))}>
                {t(pinned ? "unpin" : "pin")}
              </button>
            )}
            {(own || may("delete_messages")) && (
              <button class="button small bare danger" onClick={() => then(store.session.rest.deleteMessage(message.id))}>{t("deleteMessage")}</button>
            )}
            {may("purge") && <button class="button small bare danger" onClick={() => turn("purge")}>{t("purgeDots")}</button>}
            {may("ban") && <button class="button small bare danger" onClick={() => turn("ban")}>{t("banDots")}</button>}
          </div>
          {may("timeout") && <TimeOuts store={store} user={message.user} onDone={onClose} />}
        </>
      )}
    </div>
  );
}

/** Beside its message where there is room, and inside the log always. */
function usePlace(pane: RefObject<HTMLDivElement | null>, log: RefObject<HTMLDivElement | null>, id: number, ...changes: unknown[]): void {
  useLayoutEffect(() => {
    const row = log.current?.querySelector<HTMLElement>(`[data-id="${id}"]`)?.getBoundingClientRect();
    const area = log.current?.getBoundingClientRect();
    if (!row || !area || !pane.current) return;
    const height = pane.current.offsetHeight;
    const below = row.bottom - area.top + 4;
    const above = row.top - area.top - height - 4;
    const top = below + height <= area.height - 6 ? below : above >= 6 ? above : area.height - height - 6;
    pane.current.style.top = `${Math.max(6, top)}px`;
  }, [id, ...changes]);
}

/** Arrow keys walk the buttons, Escape goes back, Tab stays inside. */
function onPaneKey(event: KeyboardEvent, pane: HTMLElement, leave: () => void): void {
  const stops = [...pane.querySelectorAll<HTMLElement>("button:not(:disabled), input, select")];
  const at = stops.indexOf(document.activeElement as HTMLElement);
  const typing = document.activeElement instanceof HTMLInputElement || document.activeElement instanceof HTMLSelectElement;
  const move = (step: number) => stops[(at + step + stops.length) % stops.length]?.focus();
  if (event.key === "Escape") leave();
  else if (event.key === "Tab") move(event.shiftKey ? -1 : 1);
  else if (!typing && (event.key === "ArrowDown" || event.key === "ArrowRight")) move(1);
  else if (!typing && (event.key === "ArrowUp" || event.key === "ArrowLeft")) move(-1);
  else {
    event.stopPropagation();
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

