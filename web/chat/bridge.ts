/**
 * The chat's line to the page that frames it, by postMessage. Only that window is heard, only from the one
 * origin that it is known to have, and answers go to that origin by name. Where the host's origin cannot
 * be known (no referrer, no `?host=`), nothing is said or heard.
 *
 * Heard: {login: token}, {logout: true}, {room: uid}, {theme: word}, {css: text}, {emotes: {word: picture}}.
 * Said: {ready: true}, {unread: count}, {message}, {error: problem}, {loginRequested: true}.
 */
import { effect } from "@preact/signals";
import { emoteTable } from "./emotes";
import { applyThemeByName, setStyles } from "./theme";
import { ownOpener } from "./popout";
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

/** Finds the page around us, or the window of our own that opened this one, and talks to it. */
export function findHost(store: ChatStore, named: string | null): void {
  const framed = parent !== window;
  const host = framed ? parent : ownOpener();
  const origin = framed ? hostOrigin(named, location.ancestorOrigins, document.referrer) : location.origin;
  if (host && origin) connectHost(store, host, origin);
}

export function connectHost(store: ChatStore, host: Window, origin: string): void {
  const post = (message: object) => host.postMessage(message, origin);
  addEventListener("message", (event: MessageEvent<unknown>) => {
    if (event.source === host && event.origin === origin) handleHostMessage(store, event.data);
  });
  store.room.onMessage = (message) => post({ message });
  store.session.onLoginRequested = () => post({ loginRequested: true });
  effect(() => post({ unread: store.room.viewport.unread.value }));
  effect(() => {
    const error = store.room.refused.value ?? store.session.problem.value;
    if (error) post({ error });
  });
  post({ ready: true });
}

function handleHostMessage(store: ChatStore, message: unknown): void {
  if (typeof message !== "object" || message === null) return;
  const fields = message as Record<string, unknown>;
  if (typeof fields.login === "string" && fields.login) store.session.useHostToken(fields.login);
  if (fields.logout === true) store.session.forgetToken();
  if (typeof fields.room === "string" && fields.room) openRoom(fields.room, store.room.uid.peek());
  if (typeof fields.css === "string") setStyles("host", fields.css);
  if (fields.emotes !== undefined) store.emotes.value = emoteTable(fields.emotes, location.origin);
  applyThemeByName(fields.theme);
}

/** Another room is another page: whether this host may frame it is for the browser to judge, by that page's own header. */
function openRoom(room: string, present: string | null): void {
  if (room === present) return;
  const url = new URL(location.href);
  url.searchParams.set("room", room);
  location.replace(url);
}
