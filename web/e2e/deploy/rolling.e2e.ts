/** The nodes behind Caddy, as deploy/ sets them up: one after another restarted, cut off from PostgreSQL, and told who is calling. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../sdk/src";
import { rootPassword } from "../backend";
import { faultsOf, launchBrowser, maySend, message } from "../browser";
import { present, run } from "./files";
import { ask, type Node, programs, startTopology, type Topology, until } from "./topology";
import { history, Poster, rest, Watcher, writeDown } from "./traffic";

const isPresent = !process.env.BANTER_FAKE && present("the nodes of deploy/ behind Caddy", programs);

/** Debian 12 has 2.6, which cannot send a body again to another node: such a request fails, and the client repeats it. */
function isOldCaddy(): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(run(programs.caddy!, ["version"]))!;
  return Number(major) * 100 + Number(minor) < 207;
}

describe.skipIf(!isPresent)("two nodes behind Caddy", () => {
  let topology: Topology;
  let browser: Browser;
  let owner: Session;

  beforeAll(async () => {
    // Limits stay on, as they must with PUBLIC_URL; all that post here come from one address.
    [browser, topology] = await Promise.all([launchBrowser(), startTopology({ LIMITS: "register=100/1s,post=100/10ms", LOG: "warn" })]);
    owner = await person("mara");
  });
  afterAll(async () => {
    await browser?.close();
    await topology?.remove();
  });

  const person = (username: string) => rest(topology).register({ username, password: "correct horse battery" });

  /** The nodes' names as so many requests in a row are answered by them. */
  async function answering(count: number): Promise<string[]> {
    const names: string[] = [];
    for (let n = 0; n < count; n++) {
      const { status, body } = await topology.ask("/version");
      names.push(status === 200 ? (JSON.parse(body) as { node: string }).node : `${status}`);
    }
    return names;
  }

  const isAnswering = async ({ name }: Node) => (await answering(5)).includes(name);

  it("a_chat_window_stays_through_a_rolling_restart_under_load", async () => {
    const [first, second] = topology.nodes as [Node, Node];
    const room = (await rest(topology, owner).createRoom({ name: "Lounge" })).room.uid;
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 420, height: 640 } });
    const page = await context.newPage();
    const faults = faultsOf(page);
    const seen = await writeDown(page);
    await page.addInitScript((token) => localStorage.setItem("chat_token", token), owner.token);
    await page.goto(`${topology.url}/embed.html?room=${room}`);
    const box = page.getByLabel("Message", { exact: true });
    await box.fill("half a thought");
    await maySend(page);

    const watchers = Array.from({ length: 8 }, () => new Watcher(topology, room));
    await until("all watchers are in the room", () => watchers.every(({ hasJoined }) => hasJoined));
    const posters: Poster[] = [];
    for (const name of ["ann", "ben"]) posters.push(new Poster(topology, await person(name), room, name));
    const some = (count: number) => {
      const enough = posters.map(({ acknowledged }) => acknowledged.length + count);
      return until("messages are taken", () => posters.every(({ acknowledged }, at) => acknowledged.length >= enough[at]!));
    };
    await some(5);
    for (const node of [first, second]) {
      expect(await node.stop(), `the exit code of ${node.name}`).toBe(0);
      await some(5);
      await node.start();
      await until(`${node.name} is ready and the balancer uses it`, async () => (await node.isReady()) && isAnswering(node));
      await some(5);
    }
    await Promise.all(posters.map((poster) => poster.stop()));
    await box.press("Enter");
    await message(page, "half a thought").waitFor();

    const posted = await history(rest(topology, owner), room);
    const texts = posted.map((each) => each.message);
    const acknowledged = posters.flatMap((poster) => poster.acknowledged);
    expect([...texts].sort(), "each acknowledged message stands in the history once").toEqual([...acknowledged, "half a thought"].sort());
    await until("all watchers have the last message", () => watchers.every((watcher) => watcher.seen.at(-1) === "half a thought"));
    for (const watcher of watchers) {
      watcher.close();
      expect(watcher.seen, "a watcher saw the history").toEqual(texts);
      expect(watcher.failures, "each attempt to come back went to a node that takes sockets").toEqual([]);
      expect(watcher.closed.filter((code) => code !== 1012 && code !== 1005)).toEqual([]);
    }
    expect(watchers.filter(({ closed }) => closed.includes(1012)).length, "watchers that a node sent away").toBeGreaterThan(0);
    if (!isOldCaddy()) expect(posters.flatMap(({ refusals }) => refusals), "requests that failed at the balancer").toEqual([]);

    const { states, ids, wrong } = await seen();
    expect(wrong, "orders of the log in the window").toEqual([]);
    expect(ids, "what stood in the window").toEqual(posted.map(({ id }) => id));
    expect(states.length, `the connection was lost and found again: ${states.join(", ")}`).toBeGreaterThanOrEqual(3);
    expect(states.at(-1)).toBe("fine");
    expect(faults).toEqual([]);
    await context.close();
  });

  it("a_node_that_does_not_reach_postgresql_gets_no_requests_until_it_does", async () => {
    const [here, away] = topology.nodes as [Node, Node];
    await until("both nodes are used", async () => (await isAnswering(here)) && isAnswering(away));
    away.gate.cut();
    await until("the node says that it is not ready", async () => !(await away.isReady()));
    await until("the balancer knows it", async () => new Set(await answering(10)).size === 1);
    expect(new Set(await answering(30))).toEqual(new Set([here.name]));
    away.gate.mend();
    await until("the node is ready and used again", async () => (await away.isReady()) && isAnswering(away));
  });

  it("the_nodes_know_each_client_by_its_own_address_whatever_it_says", async () => {
    const guest = async (localAddress: string, forwarded = "") => {
      const headers = { "Content-Type": "application/json", ...(forwarded ? { "X-Forwarded-For": forwarded } : {}) };
      const { status, body } = await topology.ask("/users/login", { method: "POST", headers, body: '{"guest":1}', localAddress });
      expect(status, body).toBe(200);
      return (JSON.parse(body) as Session).user.uid;
    };
    const [one, other] = [await guest("127.0.0.2"), await guest("127.0.0.3")];
    expect(one).not.toBe(other);
    expect(await guest("127.0.0.2", "127.0.0.3")).toBe(one);
  });

  it("the_bus_works_with_the_least_rights", async () => {
    for (const node of topology.nodes) {
      await until(`${node.name} is on the bus`, async () => /^banter_bus_connected\{.*\} 1$/m.test((await ask(node.metrics)).body));
    }
    const root = rest(topology, await rest(topology).login({ username: "root", password: rootPassword }));
    await until("each node tells of the other", async () => {
      const { nodes } = await root.connections();
      return nodes.length === topology.nodes.length;
    });
    expect(topology.natsLog()).not.toMatch(/violation|error/i);
  });
});
