/**
 * The server under test: the binary named by BANTER_BIN (default ../target/debug/banter) on a data
 * directory and a port of its own. BANTER_FAKE=1 takes the fake of the unit tests instead, to work on the
 * pages without the real one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { FakeServer } from "../test/fake/server";

export type Guests = "address" | "browser";

export interface Backend {
  readonly url: string;
  /** Ends it without warning (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. */
  restart(): Promise<void>;
  /** Ends it for good and removes its data. */
  remove(): Promise<void>;
}

export const rootPassword = "root-password";
const web = resolve(import.meta.dirname, "..");

/** `settings` are more environment variables, which win; the fake has none. */
export function startBackend(guests: Guests = "browser", settings: Record<string, string> = {}): Promise<Backend> {
  return process.env.BANTER_FAKE ? startFake(guests) : startBinary(guests, settings);
}

async function startFake(guests: Guests): Promise<Backend> {
  const server = new FakeServer(undefined, join(web, "dist"));
  server.world.guests = guests;
  await server.start();
  return {
    url: server.url,
    kill: () => server.stop(),
    restart: async () => { await server.start(); },
    remove: () => server.stop(),
  };
}

async function startBinary(guests: Guests, settings: Record<string, string>): Promise<Backend> {
  const binary = resolve(web, process.env.BANTER_BIN ?? "../target/debug/banter");
  if (!existsSync(binary)) throw new Error(`There is no server at ${binary}: build it, or name it in BANTER_BIN.`);
  const data = await mkdtemp(join(tmpdir(), "banter-e2e-"));
  const env = { ...process.env, DATA_DIR: data, ROOT_PASSWORD: rootPassword, LIMITS: "off", GUESTS: guests, ...settings };
  let running = await launch(binary, { ...env, LISTEN: "127.0.0.1:0" });
  const { url } = running;
  const kill = async () => {
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  return {
    url,
    kill,
    restart: async () => { running = await launch(binary, { ...env, LISTEN: new URL(url).host }); },
    remove: async () => {
      await kill();
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** Starts the binary and waits for the line that says where it listens. */
export async function launch(binary: string, env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(binary, [], { env, stdio: ["ignore", "pipe", "inherit"] });
  const failed = once(child, "exit").then(([code]) => { throw new Error(`The server ended with ${String(code)} before it was ready.`); });
  failed.catch(() => {});
  const ready = new Promise<string>((found) => {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const said = parsed(line);
      if (said?.event === "ready" && said.url) found(said.url);
    });
  });
  return { child, url: (await Promise.race([ready, failed])).replace(/\/$/, "") };
}

function parsed(line: string): { event?: string; url?: string } | null {
  try {
    return JSON.parse(line) as { event?: string; url?: string };
  } catch {
    return null;
  }
}
