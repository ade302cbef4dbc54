/** Somebody else's site: a small server under another origin, whose pages a test writes. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Host {
  readonly url: string;
  /** What each path answers with, and the headers that go with it. */
  readonly pages: Map<string, { body: string; headers?: Record<string, string> }>;
  close(): void;
}

export async function startHost(): Promise<Host> {
  const pages: Host["pages"] = new Map();
  const server = createServer((request, response) => {
    const page = pages.get(new URL(request.url ?? "/", "http://host").pathname);
    response.writeHead(page ? 200 : 404, { "Content-Type": "text/html; charset=utf-8", ...page?.headers }).end(page?.body);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    pages,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
