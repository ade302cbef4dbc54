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
export function meetHost(store: ChatStore, named: string | null): void {
  const framed = parent !== window;
  const host = framed ? parent : ownOpener();
  const origin = framed ? hostOrigin(named, location.ancestorOrigins, document.referrer) : location.origin;
  if (host && origin) connectHost(store, host, origin);
}

export function connectHost(store: ChatStore, host: Window, origin: string): void {
  const say = (message: object) => host.postMessage(message, origin);
  addEventListener("message", (event: MessageEvent<unknown>) => {
    if (event.source === host && event.origin === origin) obey(store, event.data);
  });
  store.room.onMessage = (message) => say({ message });
  store.session.onLoginRequested = () => say({ loginRequested: true });
  effect(() => say({ unread: store.room.viewport.unread.value }));
  effect(() => {
    const error = store.room.refused.value ?? store.session.problem.value;
    if (error) say({ error });
  });
  say({ ready: true });
}

function obey(store: ChatStore, said: unknown): void {
  if (typeof said !== "object" || said === null) return;
  const words = said as Record<string, unknown>;
  if (typeof words.login === "string" && words.login) store.session.useHostToken(words.login);
  if (words.logout === true) store.session.forgetToken();
  if (typeof words.room === "string" && words.room) visit(words.room, store.room.uid.peek());
  if (typeof words.css === "string") setStyles("host", words.css);
  if (words.emotes !== undefined) store.emotes.value = emoteTable(words.emotes, location.origin);
  applyThemeByName(words.theme);
}

/** Another room is another page: whether this host may frame it is for the browser to judge, by that page's own header. */
function visit(room: string, present: string | null): void {
  if (room === present) return;
  const url = new URL(location.href);
  url.searchParams.set("room", room);
  location.replace(url);
}
