/**
 * The chat's line to the page that frames it, by postMessage. Only the parent window is heard, only from
 * the one origin that it is known to have, and answers go to that origin by name. Where the host's origin
 * cannot be known (no referrer, no `?host=`), nothing is said or heard.
 */
import { effect } from "@preact/signals";
import { applyTheme, isTheme } from "../shared/theme";
import type { ChatStore } from "./store";

/** The origin of the framing page: as it is named, as the browser knows it, or as it referred here. */
export function hostOrigin(named: string | null, ancestors: ArrayLike<string> | undefined, referrer: string): string | null {
  for (const candidate of [named, ancestors?.[0], referrer]) {
    if (!candidate || candidate === "null") continue;
    try {
      return new URL(candidate).origin;
    } catch {
      return null;
    }
  }
  return null;
}

export function connectHost(store: ChatStore, host: Window, origin: string): void {
  const say = (message: object) => host.postMessage(message, origin);
  addEventListener("message", (event: MessageEvent<unknown>) => {
    if (event.source === host && event.origin === origin) obey(store, event.data);
  });
  store.onMessage = (message) => say({ message });
  effect(() => say({ unread: store.unread.value }));
  say({ ready: true });
}

function obey(store: ChatStore, said: unknown): void {
  if (typeof said !== "object" || said === null) return;
  const words = said as Record<string, unknown>;
  if (typeof words.login === "string" && words.login) store.borrow(words.login);
  if (words.logout === true) store.release();
  if (typeof words.room === "string" && words.room) store.open(words.room);
  if (isTheme(words.theme)) applyTheme(words.theme);
}
