/** A proxy that serves Banter under a path of a host, as nginx and others do: it takes the path off, or passes it on. */
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

export interface ReverseProxy {
  /** Where Banter is to be found: the host of the proxy and the path. */
  readonly url: string;
  /** The server that it stands in front of. */
  target: string;
  close(): void;
}

export async function startProxy(path: string, takesPathOff: boolean): Promise<ReverseProxy> {
  /** The same request to the server; null when it is for something else on this host. */
  const passOn = ({ url = "/", method, headers }: IncomingMessage) => {
    if (!url.startsWith(`${path}/`) && (takesPathOff || url !== path)) return null;
    const { hostname, port } = new URL(proxy.target);
    // A connection for each: one that is kept may be closed by the server at the moment in which it is used again.
    return request({ hostname, port, method, headers, agent: false, path: takesPathOff ? url.slice(path.length) : url });
  };
  const server = createServer((asked, response) => {
    if (takesPathOff && asked.url === path) return void response.writeHead(301, { Location: `${path}/` }).end();
    const passed = passOn(asked);
    if (!passed) return void response.writeHead(404, { "Content-Type": "text/plain" }).end("Not of the chat");
    passed.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", (error) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502, error.message).end();
    });
    asked.pipe(passed);
  });
  server.on("upgrade", (asked: IncomingMessage, client: Duplex, fromClient: Buffer) => {
    const passed = passOn(asked);
    client.on("error", () => passed?.destroy());
    if (!passed) return void client.end("HTTP/1.1 404 Not Found\r\n\r\n");
    passed.on("upgrade", (answer, behind, fromServer) => {
      client.write(`HTTP/1.1 101 Switching Protocols\r\n${headerLines(answer.rawHeaders)}\r\n`);
      // What came together with the heads.
      client.write(fromServer);
      behind.write(fromClient);
      behind.on("error", () => client.destroy());
      client.on("close", () => behind.destroy());
      behind.pipe(client).pipe(behind);
    });
    passed.on("response", ({ statusCode, statusMessage }) => client.end(`HTTP/1.1 ${statusCode} ${statusMessage}\r\n\r\n`));
    passed.on("error", () => client.destroy());
    passed.end();
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const proxy: ReverseProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    target: "",
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return proxy;
}

function headerLines(raw: string[]): string {
  return raw.map((text, index) => (index % 2 ? `${text}\r\n` : `${text}: `)).join("");
}
