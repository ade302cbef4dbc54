/**
 * The build of all pages into dist/, one entry each: the chat by itself (`--mode chat`), so that its first view is one
 * script, and the others together; the unit tests; and the dev server, which sends API
 * calls to a running server at BANTER_URL (default http://127.0.0.1:8080).
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix, resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build, type Plugin } from "vite";
import { defineConfig } from "vitest/config";

const page = (path: string) => resolve(import.meta.dirname, path);
const target = process.env.BANTER_URL ?? "http://127.0.0.1:8080";
const calls = ["commands", "users", "rooms", "messages", "me", "bans", "unban", "connections", "websocket", "random", "version", "health", "openapi.json", "ws"];

/** A .br and a .gz beside every file that shrinks: the server sends them as they are to browsers that take them. */
const compressed: Plugin = {
  name: "compressed",
  apply: "build",
  writeBundle({ dir = page("dist") }) {
    for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || !/\.(js|css|html|svg|json)$/.test(path)) continue;
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)));
    }
  },
};

/** Names a page's scripts in its head, so that they are fetched at once and not one after another. */
const together: Plugin = {
  name: "together",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler: (_, { chunk, path }) => (chunk?.imports ?? []).map((file) => (
      { tag: "link", attrs: { rel: "modulepreload", crossorigin: true, href: posix.relative(posix.dirname(path), `/${file}`) }, injectTo: "head" as const }
    )),
  },
};

/** embed.js: a classic script under a fixed name, because other people's pages name it. */
async function loaderCode(): Promise<string> {
  const built = await build({
    configFile: false, logLevel: "warn",
    build: { write: false, target: "es2022", rolldownOptions: { input: page("loader/main.ts"), output: { format: "iife", minify: true } } },
  });
  if (!("output" in built)) throw new Error("one build was expected");
  return built.output[0].code;
}

const loader: Plugin = {
  name: "loader",
  async generateBundle() {
    this.emitFile({ type: "asset", fileName: "embed.js", source: await loaderCode() });
  },
  configureServer(server) {
    server.middlewares.use("/embed.js", (_, response, next) => {
      loaderCode().then((code) => response.setHeader("Content-Type", "text/javascript").end(code), next);
    });
  },
};

const chat = ["embed.html"];
const others = ["index.html", "lofi.html", "callback.html", "embed-doctor.html", "admin/index.html", "docs/index.html"];

export default defineConfig(({ mode }) => ({
  // Pages and scripts find each other from where they are: a proxy may serve them under any path.
  base: "./",
  plugins: [...(mode === "chat" ? [] : [loader]), compressed, together],
  appType: "mpa",
  server: { proxy: Object.fromEntries(calls.map((path) => [`^/${path}(/|\\?|$)`, { target, ws: path === "ws", changeOrigin: false }])) },
  build: {
    target: "es2022",
    emptyOutDir: mode !== "chat",
    // What comes later is small and has no styles of its own: nothing has to be fetched ahead of it.
    modulePreload: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      // What all pages share is small: one file of it is fetched sooner than five.
      output: {
        // The names of what comes later are part of the first view.
        ...(mode === "chat" ? { chunkFileNames: "assets/[hash:6].js" } : {}),
        codeSplitting: {
          groups: [mode === "chat" ? { name: "chat", tags: ["$initial"] } : { name: "shared", test: /vite.preload-helper|web.shared.[a-z]+\.ts$|rolldown.runtime/ }],
        },
      },
      input: (mode === "chat" ? chat : others).map(page),
    },
  },
  test: { include: ["test/**/*.test.{ts,tsx}"], testTimeout: 30_000, hookTimeout: 30_000 },
}));
