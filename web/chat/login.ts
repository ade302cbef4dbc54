/**
 * Signing in through a window of our own (/callback.html). That window is a first-party page: its storage
 * is the site's own, whatever the browser does to frames. The token comes back by postMessage, from that
 * window and this origin alone, so it works where storage is partitioned or blocked.
 */
const size = "popup,width=420,height=560";

/** Opens the window; null when it is not allowed to open. What comes back is a way to stop listening. */
export function openLogin(session: string | null, signedIn: (token: string) => void): (() => void) | null {
  const url = new URL("callback.html", location.href);
  url.searchParams.set("popup", "1");
  if (session) url.searchParams.set("session", session);
  for (const name of ["server", "theme", "lang"]) {
    const value = new URLSearchParams(location.search).get(name);
    if (value) url.searchParams.set(name, value);
  }
  const popup = window.open(url, "", size);
  if (!popup) return null;
  const listener = (event: MessageEvent<{ login?: unknown } | null>) => {
    if (event.source !== popup || event.origin !== location.origin) return;
    const token = event.data?.login;
    if (typeof token !== "string" || !token) return;
    removeEventListener("message", listener);
    signedIn(token);
  };
  addEventListener("message", listener);
  return () => removeEventListener("message", listener);
}
