/** The chat in a window of its own. It is signed in as we are: it asks us as a framed chat asks its host. */
import type { ChatStore } from "./store";

const size = "popup,width=400,height=680";

export function openPopOut(store: ChatStore): void {
  const url = new URL(location.href);
  for (const name of ["host", "noheader", "login"]) url.searchParams.delete(name);
  if (store.room.uid.peek()) url.searchParams.set("room", store.room.uid.peek()!);
  const popup = window.open(url, "", size);
  if (!popup) return;
  // It asks whenever it is loaded, so it is heard as long as it is open.
  const answer = (event: MessageEvent<{ ready?: true } | null>) => {
    if (popup.closed) removeEventListener("message", answer);
    if (event.source !== popup || event.origin !== location.origin || !event.data?.ready) return;
    const { token } = store.session;
    if (token) popup.postMessage({ login: token }, location.origin);
  };
  addEventListener("message", answer);
}

/** The window of our own that opened this one, when there is one. */
export function ownOpener(): Window | null {
  try {
    const opener = window.opener as Window | null;
    return opener && opener.location.origin === location.origin && opener.location.pathname === location.pathname ? opener : null;
  } catch {
    return null;
  }
}
