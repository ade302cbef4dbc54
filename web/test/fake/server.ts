/**
 * A Banter server for tests and for developing the pages: HTTP and WebSocket over a World in memory. Tests
 * can look at what clients sent and make it misbehave: cut all sockets, swallow answers, close with a code,
 * stop and come back on the same port.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { ClientFrame, ReconnectHints, ServerFrame } from "../../sdk/src";
import { answer } from "./http";
import { Refusal, World } from "./world";

interface Viewer { id: number; socket: WebSocket; uid: string | null; rooms: Set<string>; since: number }
type Incoming = ClientFrame & { id?: number; data?: { uid?: string; since?: number; epoch?: number; room?: string; text?: string; nonce?: string; token?: string } };

export class FakeServer {
  readonly world: World;
  /** Every frame that any client sent, and the subprotocols of every handshake. */
  readonly received: ClientFrame[] = [];
  readonly handshakes: string[][] = [];
  /** While true, messages are taken but never acknowledged, as when the server dies in between. */
  swallowAcks = false;
  /** While true, messages vanish: the server died before it had them. */
  swallowMessages = false;
  refuseTokensBeforeOpen = true;
  hints: ReconnectHints = { base: 50, cap: 400, window: 100 };
  heartbeat = 25_000;
  readonly viewers = new Set<Viewer>();
  readonly #pages: string | null;
  #server: Server | null = null;
  #port = 0;
  #nextId = 1;

  constructor(world = new World(), pages: string | null = null) {
    this.world = world;
    this.#pages = pages;
    world.publish = (room, frame) => this.#publish(room, frame);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get socketUrl(): string {
    return `ws://127.0.0.1:${this.#port}/ws`;
  }

  async start(): Promise<this> {
    const connections = () => [...this.viewers].map((v) => ({
      id: v.id, user: v.uid ? this.world.accounts.get(v.uid)?.user ?? null : null, rooms: [...v.rooms], timestamp: v.since,
    }));
    const server = createServer((request, response) => void answer(this.world, request, response, this.#pages, connections));
    const sockets = new WebSocketServer({
      server, path: "/ws", handleProtocols: (offered) => (offered.has("banter.v1") ? "banter.v1" : false),
      verifyClient: ({ req }, done) => {
        const offered = protocolsOf(req);
        this.handshakes.push(offered);
        const token = tokenIn(offered);
        done(!token || !this.refuseTokensBeforeOpen || this.world.holder(token) !== null, 401);
      },
    });
    sockets.on("connection", (socket, request) => this.#welcome(socket, tokenIn(protocolsOf(request))));
    await new Promise<void>((ready) => server.listen(this.#port, "127.0.0.1", ready));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Dies without a word; the world stays. */
  async stop(): Promise<void> {
    this.cut();
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    await new Promise<void>((done) => (server ? server.close(() => done()) : done()));
  }

  cut(): void {
    for (const { socket } of this.viewers) socket.terminate();
  }

  closeAll(code: number, reason = ""): void {
    for (const { socket } of this.viewers) socket.close(code, reason);
  }

  say(viewer: Viewer, frame: ServerFrame): void {
    viewer.socket.send(JSON.stringify(frame));
  }

  #welcome(socket: WebSocket, token: string | undefined): void {
    const viewer: Viewer = { id: this.#nextId++, socket, uid: null, rooms: new Set(), since: Date.now() };
    this.viewers.add(viewer);
    socket.on("close", () => {
      this.viewers.delete(viewer);
      for (const room of viewer.rooms) this.#presence(room);
    });
    socket.on("message", (data) => this.#take(viewer, JSON.parse(String(data)) as Incoming));
    this.say(viewer, { event: "welcome", data: { connection: viewer.id, heartbeat: this.heartbeat, reconnect: this.hints } });
    if (token && this.world.holder(token)) this.#become(viewer, token);
    else if (token) this.say(viewer, { event: "error", data: new Refusal(401, "token_ended", "This token is not valid any more.").problem });
  }

  #become(viewer: Viewer, token: string, told?: string): void {
    const account = this.world.holder(token);
    if (!account) throw new Refusal(401, "token_ended", "This token is not valid any more.");
    viewer.uid = account.user.uid;
    this.say(viewer, { event: "auth_updated", data: { user: account.user, ...(told ? { token: told } : {}) } });
  }

  #take(viewer: Viewer, frame: Incoming): void {
    this.received.push(frame);
    if (frame.event === "pong" || (this.swallowMessages && frame.event === "sendMessage")) return;
    try {
      const data = this.#do(viewer, frame);
      if (!(this.swallowAcks && frame.event === "sendMessage")) this.say(viewer, { event: "ack", id: frame.id, data });
    } catch (error) {
      const { problem } = error instanceof Refusal ? error : new Refusal(500, "internal", String(error));
      this.say(viewer, { event: "error", id: frame.id, data: problem });
    }
  }

  #do(viewer: Viewer, frame: Incoming): object {
    const data = frame.data ?? {};
    switch (frame.event) {
      case "login":
        this.#become(viewer, data.token ?? "");
        return {};
      case "logout":
        viewer.uid = null;
        this.say(viewer, { event: "auth_updated", data: { user: null } });
        return {};
      case "leave":
        viewer.rooms.delete(data.uid ?? "");
        return {};
      case "join":
        return this.#join(viewer, data.uid ?? "", data.since, data.epoch);
      case "sendMessage": {
        if (!viewer.uid) throw new Refusal(401, "unauthorized", "Log in first.");
        const text = data.text ?? "";
        const [, command, name = "", password = ""] = /^\/(login|logout)(?: (\S+) (\S+))?$/.exec(text) ?? [];
        if (command === "logout") return this.#do(viewer, { ...frame, event: "logout", data: {} });
        if (command === "login") {
          const { token } = this.world.login(name, password);
          this.#become(viewer, token, token);
          return { command };
        }
        if (/^[!/]\p{L}/u.test(text)) {
          this.say(viewer, { event: "system", data: { type: "echo", text: text.slice(1) } });
          return { command: text.slice(1).split(" ")[0] };
        }
        const { id, seq, timestamp } = this.world.post(viewer.uid, this.world.find(data.room), text, data.nonce);
        return { id, seq, timestamp };
      }
      default:
        throw new Refusal(400, "bad_frame", "Nobody knows this frame.");
    }
  }

  #join(viewer: Viewer, uid: string, since: number | undefined, epoch: number | undefined): object {
    const room = this.world.find(uid);
    if (this.world.sanctionOf(viewer.uid, room, "ban")) throw new Refusal(403, "banned", "You are banned from this room.");
    viewer.rooms.add(uid);
    this.say(viewer, { event: "room_updated", data: { room: room.room } });
    const known = since !== undefined && epoch === room.epoch && since <= room.seq;
    if (since !== undefined && !known) this.say(viewer, { event: "reset", data: { room: uid, reason: "epoch" } });
    if (known) for (const { seq, frame } of room.log) { if (seq > since) this.say(viewer, frame); }
    else this.say(viewer, { event: "room_messages", data: { room: uid, messages: this.world.messages(room), head: room.seq, epoch: room.epoch } });
    const here = [...this.viewers].filter((v) => v.rooms.has(uid));
    const users = [...new Set(here.flatMap((v) => v.uid ?? []))].map((u) => this.world.inRoom(room, u));
    this.say(viewer, { event: "room_users", data: { room: uid, count: here.length, users } });
    this.#presence(uid);
    return { room: uid, head: room.seq, epoch: room.epoch };
  }

  #presence(room: string): void {
    const here = [...this.viewers].filter((viewer) => viewer.rooms.has(room));
    for (const viewer of here) this.say(viewer, { event: "presence", data: { room, count: here.length } });
  }

  #publish(room: string, frame: ServerFrame): void {
    for (const viewer of this.viewers) {
      if (!viewer.rooms.has(room)) continue;
      this.say(viewer, frame);
      if (frame.event === "user_moderated" && frame.data.action === "ban" && typeof frame.data.user !== "string" && frame.data.user.uid === viewer.uid) {
        viewer.rooms.delete(room);
      }
    }
  }
}

function protocolsOf(request: IncomingMessage): string[] {
  return (request.headers["sec-websocket-protocol"] ?? "").split(/, ?/);
}

function tokenIn(protocols: string[]): string | undefined {
  return protocols.find((name) => name.startsWith("bearer."))?.slice("bearer.".length);
}
