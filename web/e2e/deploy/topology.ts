/**
 * What compose.yaml describes, run without containers: PostgreSQL, NATS with deploy/nats.conf, two nodes with the settings of
 * compose.yaml, and Caddy with deploy/Caddyfile. Only addresses are others: free ports of this machine.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, rootPassword } from "../backend";
import { freePort } from "../free-port";
import { binary, compose, folder, program, run } from "./files";

export const programs = {
  caddy: program("caddy", "CADDY"),
  "nats-server": program("nats-server", "NATS_SERVER"),
  psql: program("psql"),
  "a PostgreSQL in TEST_DATABASE_URL": process.env.TEST_DATABASE_URL,
};

/** A way to PostgreSQL that can be cut. */
class Gate {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #isCut = false;

  constructor(target: NetConnectOpts) {
    this.#server = createServer((client) => {
      if (this.#isCut) return client.destroy();
      const server = connect(target);
      for (const [one, other] of [[client, server], [server, client]] as const) {
        this.#open.add(one);
        one.on("error", () => {}).on("close", () => { this.#open.delete(one); other.destroy(); });
        one.pipe(other);
      }
      return undefined;
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#open) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

export interface Answer {
  status: number;
  body: string;
}

interface Asked {
  method?: string;
  headers?: Record<string, string>;
  body?: string | null;
  /** The address that the request comes from. */
  localAddress?: string;
}

export class Node {
  readonly gate: Gate;
  readonly url: string;
  readonly metrics: string;
  readonly #env: NodeJS.ProcessEnv;
  #running: ChildProcess | null = null;

  constructor(gate: Gate, env: NodeJS.ProcessEnv) {
    this.gate = gate;
    this.#env = env;
    this.url = `http://${env.LISTEN}`;
    this.metrics = `http://${env.METRICS_LISTEN}/metrics`;
  }

  get name(): string {
    return this.#env.NODE_NAME!;
  }

  async start(): Promise<void> {
    this.#running = (await launch(binary, this.#env)).child;
  }

  /** Ends it as `docker compose stop` does; its exit code. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    const running = this.#running;
    this.#running = null;
    if (!running || running.exitCode !== null) return running?.exitCode ?? null;
    const gone = once(running, "exit");
    running.kill(signal);
    return (await gone)[0] as number | null;
  }

  async isReady(): Promise<boolean> {
    return (await ask(`${this.url}/health/ready`).catch(() => null))?.status === 200;
  }
}

export interface Topology {
  /** Where people reach it: Caddy, by TLS. */
  url: string;
  /** The certificate that Caddy's own are signed with. */
  ca: string;
  nodes: Node[];
  /** A request to Caddy. */
  ask(path: string, asked?: Asked): Promise<Answer>;
  /** What NATS has said so far. */
  natsLog(): string;
  /** Ends everything; whether a node has written a file. */
  remove(): Promise<void>;
}

export async function ask(url: string, asked: Asked = {}, ca?: string): Promise<Answer> {
  const { body, ...options } = asked;
  const send = url.startsWith("https:") ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const request = send(url, { ...options, ...(ca ? { ca } : {}), agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => { text += piece; }).on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    request.on("error", reject).end(body ?? undefined);
  });
}

/** Asks until the answer is yes. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`It did not come true that ${what}.`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

/** The server of TEST_DATABASE_URL: how to reach it, and as whom. */
function postgres(): { target: NetConnectOpts; credentials: string; command(sql: string): void } {
  const text = process.env.TEST_DATABASE_URL!;
  const url = new URL(text);
  const host = url.searchParams.get("host") ?? url.hostname;
  const port = Number(url.port || 5432);
  const user = url.username || url.searchParams.get("user") || "banter";
  return {
    target: host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port },
    credentials: `${user}:${url.password || "unasked"}`,
    command: (sql) => void run(programs.psql!, ["-qX", text, "-c", sql]),
  };
}

/** Starts a program and keeps what it says on stderr. */
function start(command: string, args: string[], env: Record<string, string>): { child: ChildProcess; log: () => string } {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (piece: string) => { log += piece; });
  return { child, log: () => log };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** `settings` go beside those of compose.yaml. */
export async function startTopology(settings: Record<string, string> = {}): Promise<Topology> {
  const home = await mkdtemp(join(tmpdir(), "banter-deploy-"));
  const { target, credentials, command } = postgres();
  const database = `deploy_${process.pid}_${Date.now().toString(36)}`;
  command(`CREATE DATABASE ${database}`);
  const [nats, http, https, admin, ...ports] = await Promise.all(Array.from({ length: 8 }, freePort));
  const secrets = { POSTGRES_PASSWORD: "secret1", NATS_PASSWORD: "secret2", ROOT_PASSWORD: rootPassword };
  const { services } = compose({ ...secrets, DOMAIN: `localhost:${https}`, FRONT_SUBNET: "127.0.0.1/32" });

  const natsServer = start(programs["nats-server"]!, ["--config", join(folder, "nats.conf"), "--addr", "127.0.0.1", "--port", `${nats}`], services.nats!.environment!);
  const nodes: Node[] = [];
  for (const [number, name] of ["node1", "node2"].entries()) {
    const gate = new Gate(target);
    const elsewhere: Record<string, string> = {
      "banter:secret1@postgres:5432/banter": `${credentials}@${await gate.listen()}/${database}`,
      "nats:4222": `127.0.0.1:${nats}`,
      "0.0.0.0:8080": `127.0.0.1:${ports[number]}`,
      "0.0.0.0:9100": `127.0.0.1:${ports[2 + number]}`,
    };
    const moved = Object.entries(services[name]!.environment!).map(([setting, value]) => (
      [setting, Object.entries(elsewhere).reduce((text, [from, to]) => text.replace(from, to), String(value))]
    ));
    nodes.push(new Node(gate, { ...process.env, ...Object.fromEntries(moved), DATA_DIR: join(home, name), ...settings }));
  }
  for (const node of nodes) await node.start();

  const caddy = start(programs.caddy!, ["run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")], {
    DOMAIN: "localhost", HTTP_PORT: `${http}`, HTTPS_PORT: `${https}`, CADDY_ADMIN: `127.0.0.1:${admin}`,
    NODES: services.caddy!.environment!.NODES!.replace(/node(\d):8080/g, (_, number: string) => new URL(nodes[Number(number) - 1]!.url).host),
    HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home,
  });
  const url = `https://localhost:${https}`;
  const root = join(home, "caddy/pki/authorities/local/root.crt");
  const remove = async () => {
    await end(caddy.child);
    await Promise.all(nodes.map((node) => node.stop("SIGKILL")));
    await end(natsServer.child);
    for (const { gate } of nodes) gate.close();
    command(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    const written = nodes.filter(({ name }) => existsSync(join(home, name)));
    await rm(home, { recursive: true, force: true });
    if (written.length > 0) throw new Error("A node with PostgreSQL wrote files: it could not do with a read-only root file system.");
  };
  const answers = async () => (await ask(`${url}/health/ready`, {}, readFileSync(root, "utf8"))).status === 200;
  try {
    await until("Caddy serves", () => existsSync(root) && answers().catch(() => false), 20);
  } catch (error) {
    await remove();
    throw new Error(`${error}\n${caddy.log()}\n${natsServer.log()}`);
  }
  const ca = readFileSync(root, "utf8");
  return { url, ca, nodes, ask: (path, asked) => ask(url + path, asked, ca), natsLog: natsServer.log, remove };
}
