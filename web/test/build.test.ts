/** The build as a whole: what each page weighs, and that no page needs a hole in its content security policy. */
import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "vite";
import { beforeAll, expect, it } from "vitest";

interface Limits { script: number; brotli?: number; style?: number; later?: number }
interface Chunk { type: "chunk"; fileName: string; code: string; imports: string[]; dynamicImports: string[]; facadeModuleId: string | null; viteMetadata?: { importedCss: Set<string> } }
interface Asset { type: "asset"; fileName: string; source: string | Uint8Array }

const root = resolve(import.meta.dirname, "..");
const files = new Map<string, Chunk | Asset>();
let budget: Record<string, Limits>;

beforeAll(async () => {
  budget = JSON.parse(await readFile(resolve(root, "size-budget.json"), "utf8")) as Record<string, Limits>;
  for (const mode of ["production", "chat"]) {
    const result = await build({ root, mode, logLevel: "silent", build: { write: false } });
    if (!("output" in result)) throw new Error("one build was expected");
    for (const file of result.output) files.set(file.fileName, file as unknown as Chunk | Asset);
  }
}, 60_000);

const packed = (text: string | Uint8Array) => gzipSync(text).length;
const asset = (name: string) => {
  const file = files.get(name);
  if (file?.type !== "asset") throw new Error(`${name} was not built`);
  return String(file.source);
};

/** The scripts that a page loads before anything happens, and their styles. */
function firstView(page: string): { scripts: Chunk[]; styles: string[] } {
  const entry = [...files.values()].find((file): file is Chunk => file.type === "chunk" && file.facadeModuleId === resolve(root, page));
  const scripts = new Map<string, Chunk>();
  const follow = (chunk: Chunk) => {
    if (scripts.has(chunk.fileName)) return;
    scripts.set(chunk.fileName, chunk);
    for (const name of chunk.imports) follow(files.get(name) as Chunk);
  };
  follow(entry!);
  const styles = new Set([...asset(page).matchAll(/href="(?:\.\.?\/)+(assets\/[^"]+\.css)"/g)].map((match) => match[1]!));
  return { scripts: [...scripts.values()], styles: [...styles] };
}

/** What each part that a page loads afterwards adds to what is there, by its file. */
function laterParts(page: string): Map<string, number> {
  const first = new Set(firstView(page).scripts);
  const parts = new Map<string, number>();
  const weigh = (chunk: Chunk, seen: Set<Chunk>): number => {
    if (seen.has(chunk)) return 0;
    seen.add(chunk);
    follow(chunk);
    return packed(chunk.code) + chunk.imports.reduce((sum, name) => sum + weigh(files.get(name) as Chunk, seen), 0);
  };
  const follow = (chunk: Chunk) => {
    for (const name of chunk.dynamicImports) {
      if (parts.has(name)) continue;
      parts.set(name, 0);
      parts.set(name, weigh(files.get(name) as Chunk, new Set(first)));
    }
  };
  for (const chunk of first) follow(chunk);
  return parts;
}

const pages = ["embed.html", "index.html", "lofi.html", "callback.html", "embed-doctor.html", "admin/index.html"];

it.each(pages)("%s_stays_within_its_budget", (page) => {
  const { scripts, styles } = firstView(page);
  const sizes = {
    script: scripts.reduce((sum, chunk) => sum + packed(chunk.code), 0),
    style: styles.reduce((sum, name) => sum + packed(asset(name)), 0),
  };
  console.log(`${page}: ${sizes.script} B of script, ${sizes.style} B of style, gzip`);
  expect(sizes.script).toBeGreaterThan(0);
  expect(sizes.script).toBeLessThanOrEqual(budget[page]!.script);
  expect(sizes.style).toBeLessThanOrEqual(budget[page]!.style!);
  const brotli = scripts.reduce((sum, chunk) => sum + brotliCompressSync(chunk.code).length, 0);
  console.log(`${page}: ${brotli} B of script, Brotli`);
  expect(brotli).toBeLessThanOrEqual(budget[page]!.brotli ?? Infinity);
  for (const [name, size] of laterParts(page)) {
    console.log(`${page}: ${size} B of script later, ${name}, gzip`);
    expect(size, name).toBeLessThanOrEqual(budget[page]!.later!);
  }
});

it("the_loader_stays_within_its_budget_and_has_a_name_for_ever", () => {
  const size = packed(asset("embed.js"));
  console.log(`embed.js: ${size} B, gzip`);
  expect(size).toBeLessThanOrEqual(budget["embed.js"]!.script);
  // A classic script: no imports, and nothing left behind in the page's own scope.
  expect(asset("embed.js")).toMatch(/^\(\s*(function\s*\(\)|\(\)\s*=>)\s*\{/);
  expect(asset("embed.js")).not.toMatch(/\bimport\b|\bexport\b/);
});

it("the_sdk_alone_stays_within_its_budget", async () => {
  const result = await build({ configFile: resolve(root, "sdk/vite.config.ts"), logLevel: "silent", build: { write: false } });
  const [first] = Array.isArray(result) ? result : [result];
  if (!first || !("output" in first)) throw new Error("one build was expected");
  const size = first.output.reduce((sum, file) => sum + (file.type === "chunk" && file.fileName !== "text.js" ? packed(file.code) : 0), 0);
  console.log(`sdk: ${size} B, gzip`);
  expect(size).toBeLessThanOrEqual(budget.sdk!.script);
});

it.each([...pages, "docs/index.html"])("%s_has_no_inline_script_and_loads_only_from_its_own_host", (page) => {
  const html = asset(page);
  expect(html.match(/<script(?![^>]*\ssrc="(\.\.?\/)+assets\/)[^>]*>/g)).toBeNull();
  expect(html.match(/\s(on[a-z]+|style)=|<style/g)).toBeNull();
  expect(html.match(/(src|href)="(https?:)?\/\//g)).toBeNull();
});

it("no_page_looks_for_anything_at_the_root_of_its_host_because_a_proxy_may_serve_it_under_a_path", async () => {
  for (const page of [...pages, "docs/index.html"]) expect(asset(page).match(/(src|href)="\//g), page).toBeNull();
  for (const [name, source] of await sources()) {
    expect(source, name).not.toMatch(/(href|src)=\{?["'`]\/|(URL|fetch|url|open|assign|replace)\(["'`]\//);
  }
});

/** The text of every source file, by its name. */
async function sources(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const folder of ["chat", "playground", "stream", "admin", "callback", "docs", "loader", "doctor", "shared", "sdk/src"]) {
    const names = (await readdir(resolve(root, folder), { recursive: true })).filter((name) => /\.tsx?$/.test(name));
    expect(names).not.toEqual([]);
    for (const name of names) found.set(`${folder}/${name}`, await readFile(resolve(root, folder, name), "utf8"));
  }
  return found;
}

it("no_source_of_ours_writes_html_strings_or_raises_a_dialog", async () => {
  for (const [name, source] of await sources()) {
    expect(source, name).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\b(alert|confirm|prompt)\(|: any\b|as any\b/);
  }
});
