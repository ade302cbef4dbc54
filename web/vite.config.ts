/**
 * The build of all pages into dist/, one entry each; the unit tests; and the dev server, which sends API
 * calls to a running server at BANTER_URL (default http://127.0.0.1:8080).
 */
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const page = (path: string) => resolve(import.meta.dirname, path);
const target = process.env.BANTER_URL ?? "http://127.0.0.1:8080";
const calls = ["users", "rooms", "messages", "me", "bans", "unban", "connections", "websocket", "random", "version", "health", "openapi.json", "ws"];

export default defineConfig({
  appType: "mpa",
  server: { proxy: Object.fromEntries(calls.map((path) => [`^/${path}(/|\\?|$)`, { target, ws: path === "ws", changeOrigin: true }])) },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      input: ["index.html", "embed.html", "lofi.html", "callback.html", "admin/index.html", "docs/index.html"].map(page),
    },
  },
  test: { include: ["test/**/*.test.{ts,tsx}"] },
});
