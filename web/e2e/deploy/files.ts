/** The files of deploy/ as the tests read them, and the programs that check them. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";

export const folder = resolve(import.meta.dirname, "../../../deploy");
export const binary = resolve(import.meta.dirname, "../..", process.env.BANTER_BIN ?? "../target/debug/banter");

export function read(name: string): string {
  return readFileSync(join(folder, name), "utf8");
}

export interface Service {
  environment?: Record<string, string>;
  healthcheck?: { test: string[] };
  command?: string[];
  volumes?: string[];
  stop_grace_period?: string;
  read_only?: boolean;
}

export interface Compose {
  name: string;
  services: Record<string, Service>;
}

/** `${NAME}`, `${NAME:-default}` and `${NAME:?what is missing}`. */
const variable = /\$\{(\w+)(?::(-|\?)([^}]*))?\}/g;

/** The variables that compose.yaml takes from .env. */
export function composeVariables(): Set<string> {
  return new Set([...read("compose.yaml").matchAll(variable)].map(([, name]) => name!));
}

/** compose.yaml with these variables in place. */
export function compose(variables: Record<string, string>): Compose {
  const text = read("compose.yaml").replace(variable, (_, name: string, kind: string | undefined, rest: string) => {
    const value = variables[name] || (kind === "-" ? rest : undefined);
    if (value === undefined) throw new Error(`compose.yaml needs ${name}: ${rest}`);
    return value;
  });
  return parse(text, { merge: true }) as Compose;
}

/** Where a program is: as `setting` says, or on the PATH, or where Debian puts what only administrators run. */
export function program(name: string, setting?: string): string | null {
  const named = setting && process.env[setting];
  if (named) return named;
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", ...postgresFolders()];
  return folders.map((path) => join(path, name)).find((path) => existsSync(path)) ?? null;
}

function postgresFolders(): string[] {
  const versions = "/usr/lib/postgresql";
  return existsSync(versions) ? readdirSync(versions).map((version) => join(versions, version, "bin")) : [];
}

/** Says in one line what is not checked for want of a program; with CI set, nothing may be wanting. */
export function present(what: string, found: Record<string, unknown>): boolean {
  const missing = Object.keys(found).filter((name) => !found[name]);
  if (missing.length === 0) return true;
  const line = `not here: ${missing.join(", ")}; left out: ${what}`;
  if (process.env.CI) throw new Error(line);
  console.warn(line);
  return false;
}

/** Runs a checker; what it says is the error when it fails. */
export function run(command: string, args: string[], env: Record<string, string> = {}): string {
  try {
    return execFileSync(command, args, { encoding: "utf8", env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
  } catch (error) {
    const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string };
    throw new Error([message, stdout, stderr].filter(Boolean).join("\n"));
  }
}
