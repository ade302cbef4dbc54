/** The examples of the SDK's README as programs: each is run in a Node of its own, against a server, with the package as it is published. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const web = resolve(import.meta.dirname, "..");
const run = promisify(execFile);

export interface Example { title: string; code: string; output: string }

export async function readmeExamples(): Promise<Example[]> {
  const text = await readFile(join(web, "sdk/README.md"), "utf8");
  return [...text.matchAll(/```js run\n([\s\S]*?)```\n```text\n([\s\S]*?)```/g)].map(([, code = "", output = ""], i) => ({ title: `${i + 1}`, code, output }));
}

/** Builds the package into sdk/dist, where `@banter/sdk` is found. */
export async function buildSdk(): Promise<void> {
  await run("npm", ["run", "--silent", "build:sdk"], { cwd: web });
}

/** What an example prints. */
export async function runExample({ code }: Example, server: string): Promise<string> {
  await mkdir(join(web, "node_modules/.examples"), { recursive: true });
  const folder = await mkdtemp(join(web, "node_modules/.examples/"));
  try {
    await writeFile(join(folder, "example.mjs"), code);
    const { stdout } = await run(process.execPath, ["example.mjs"], { cwd: folder, env: { ...process.env, BANTER_URL: server }, timeout: 60_000 });
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
