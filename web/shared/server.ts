/**
 * Where the server is. By default where the page came from, which may be a path of its host; a page that is deployed
 * alone names it in `?server=https://…` or in `<meta name="banter-server" content="https://…">`.
 */

/** The server's address without a slash at the end. */
export function serverAddress(page: Location = location, root: Document = document): string {
  return httpAddress(new URLSearchParams(page.search).get("server")) ?? homeAddress(page, root);
}

/** The server that a page goes by unless its address names another: its meta tag may be relative to the page. */
function homeAddress(page: Location, root: Document): string {
  const named = root.querySelector<HTMLMetaElement>('meta[name="banter-server"]')?.content;
  return httpAddress(named || ".", page.href) ?? page.origin;
}

/** Where all pages are, as an address without a slash at the end. A page in a folder names the way out of it. */
export function pagesAddress(out = ".", page: Location = location): string {
  return httpAddress(out, page.href) ?? page.origin;
}

/**
 * What ends the name of everything kept for a server other than the page's own: `@https://…`. Such a server is named by
 * whoever made the link, and what one server gave is never shown to another. A server at a path of the page's host may have
 * neighbours there, which share the storage: what it gave is named as well.
 */
export function keptFor(page: Location = location, root: Document = document): string {
  const server = serverAddress(page, root);
  return server === homeAddress(page, root) && !server.startsWith(`${page.origin}/`) ? "" : `@${server}`;
}

/** The address of the socket that belongs to a server. */
export function socketAddress(server: string): string {
  return server.replace(/^http/, "ws") + "/ws";
}

/** A text as an http(s) address without query and slash at the end, or null. It may be relative where there is a base. */
export function httpAddress(text: string | null | undefined, base?: string): string | null {
  if (!text) return null;
  try {
    const url = new URL(text, base);
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    return (url.origin + url.pathname).replace(/\/+$/, "");
  } catch {
    return null;
  }
}
