/** The SDK as others get it: its types are those of the API, its examples run, and strict programs compile against it. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSdk, readmeExamples, runExample } from "./examples";
import { FakeServer } from "./fake/server";

const web = resolve(import.meta.dirname, "..");
const run = promisify(execFile);
const slow = 120_000;

it("the_types_are_generated_from_the_servers_document", async () => {
  const folder = await mkdtemp(join(web, "node_modules/.types-"));
  try {
    const fresh = join(folder, "api.ts");
    const { scripts } = JSON.parse(await readFile(join(web, "sdk/package.json"), "utf8")) as { scripts: { types: string } };
    const [program = "", ...options] = scripts.types.split(" ");
    await run(join(web, "sdk/node_modules/.bin", program), options.map((word) => (word === "src/api.generated.ts" ? fresh : word)), { cwd: join(web, "sdk") });
    expect(await readFile(fresh, "utf8"), "sdk/src/api.generated.ts is old: run scripts/sdk-types").toBe(await readFile(join(web, "sdk/src/api.generated.ts"), "utf8"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, slow);

describe("the package", () => {
  let server: FakeServer;
  beforeAll(async () => {
    await buildSdk();
    server = await new FakeServer().start();
  }, slow);
  afterAll(() => server.stop());

  it("runs_every_example_of_its_readme", async () => {
    const examples = await readmeExamples();
    expect(examples.length).toBeGreaterThanOrEqual(4);
    for (const example of examples) expect(await runExample(example, server.url), `example ${example.title}`).toBe(example.output);
  }, slow);

  it("compiles_in_a_strict_program_under_nodes_own_rules", async () => {
    await mkdir(join(web, "node_modules/.examples"), { recursive: true });
    const folder = await mkdtemp(join(web, "node_modules/.examples/"));
    try {
      await writeFile(join(folder, "use.mts"), `
        import { type Message, ProblemError, Realtime, Rest, type State, Transcript } from "@banter/sdk";
        import { WebSocket } from "ws";
        const rest = new Rest({ base: "http://localhost" });
        const page: { messages: Message[]; next?: number | null } = await rest.messages("room", { before: 9 });
        const role: "guest" | undefined = page.messages[0]?.user.roles.includes("guest") ? "guest" : undefined;
        // @ts-expect-error a seq is a number
        await rest.messages("room", { before: "9" });
        // @ts-expect-error there is no such path
        await rest.call("get", "/nowhere");
        const { users, count }: { users: { uid: string }[]; count: number } = await rest.call("get", "/rooms/{uid}/users", { params: { uid: "room" } });
        const realtime = new Realtime({ url: "ws://localhost/ws", WebSocket });
        realtime.on("message_deleted", ({ ids }) => ids.map((id) => id.toFixed()));
        const state: State = realtime.state;
        if (state.name === "waiting") console.log(state.until.toFixed(), role, users, count);
        new Transcript(realtime, "room").send("hi").catch((error: unknown) => error instanceof ProblemError && error.problem.code);
      `);
      const options = ["--ignoreConfig", "--strict", "--noEmit", "--exactOptionalPropertyTypes", "--module", "nodenext", "--target", "es2022", "--types", "node"];
      const compiled = await run(process.execPath, [join(web, "node_modules/typescript/bin/tsc"), ...options, "use.mts"], { cwd: folder }).catch((error: { stdout: string }) => error);
      expect(compiled.stdout).toBe("");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, slow);
});
