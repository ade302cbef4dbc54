/** No module of the window, the SDK or the pages imports itself in the end, types and lazy parts included. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const folders = ["chat", "sdk/src", "shared", "callback", "playground", "stream", "admin", "doctor", "loader"];

/** Each module with the modules that it names in `import`, `export … from` and `import()`. */
function importGraph(): Map<string, string[]> {
  const files = folders.flatMap((folder) => readdirSync(resolve(root, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`));
  const modules = files.filter((name) => /\.tsx?$/.test(name));
  const known = new Set(modules);
  return new Map(modules.map((name) => {
    const named = readFileSync(resolve(root, name), "utf8").matchAll(/(?:\bfrom|\bimport|\bimport\()\s*"(\.[^"]+)"/g);
    return [name, [...named].flatMap(([, path]) => {
      const target = relative(root, resolve(root, dirname(name), path!)).replace(/\.js$/, "");
      return [target, `${target}.ts`, `${target}.tsx`, `${target}/index.ts`].filter((candidate) => known.has(candidate));
    })];
  }));
}

/** The first cycle found, as its modules in order; null when there is none. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] | null => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return null;
    for (const next of graph.get(name) ?? []) {
      const cycle = visit(next, [...path, name]);
      if (cycle) return cycle;
    }
    done.add(name);
    return null;
  };
  for (const name of graph.keys()) {
    const cycle = visit(name, []);
    if (cycle) return cycle;
  }
  return null;
}

it("no_modules_import_each_other", () => {
  const graph = importGraph();
  expect(graph.get("chat/i18n.ts")).toContain("chat/lang/de.ts");
  expect(graph.get("chat/store.ts")).toContain("sdk/src/index.ts");
  expect(findCycle(graph)).toBeNull();
});

it("a_cycle_is_found_through_other_modules", () => {
  expect(findCycle(new Map([["a", ["b"]], ["b", ["c"]], ["c", ["b"]]]))).toEqual(["b", "c", "b"]);
  expect(findCycle(new Map([["a", ["b", "c"]], ["b", ["c"]], ["c", []]]))).toBeNull();
});
