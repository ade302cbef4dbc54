/**
 * Where the server is. By default where the page came from; a page that is deployed alone names it in
 * `?server=https://…` or in `<meta name="banter-server" content="https://…">`.
 */

/** The server's address without a slash at the end. */
export function serverAddress(page: Location = location, root: Document = document): string {
  const named = new URLSearchParams(page.search).get("server")
    || root.querySelector<HTMLMetaElement>('meta[name="banter-server"]')?.content;
  return httpAddress(named) ?? page.origin;
}

/**
 * What ends the name of everything kept for a server other than the page's own: `@https://…`. Such a server is named by
 * whoever made the link, and what one server gave is never shown to another.
 */
export function keptFor(page: Location = location, root: Document = document): string {
  const server = serverAddress(page, root);
  const home = serverAddress({ search: "", origin: page.origin } as Location, root);
  return server === home ? "" : `@${server}`;
}

/** The address of the socket that belongs to a server. */
export function socketAddress(server: string): string {
  return server.replace(/^http/, "ws") + "/ws";
}

/** A text as an http(s) address, or null. */
export function httpAddress(text: string | null | undefined): string | null {
  if (!text) return null;
  try {
    const url = new URL(text);
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    return (url.origin + url.pathname).replace(/\/+$/, "");
  } catch {
    return null;
  }
}
