/**
 * One socket to a Banter server, kept alive: it logs in, joins rooms, and after every loss comes back by
 * itself, resumes each room at its cursor (since, epoch), and repeats unacknowledged messages with their
 * nonces. The caller hears what happens through one listener. A gap in seq is never taken as a loss: the
 * server covers ranges. Never touches the page: WebSocket, timers and chance can be handed in.
 */
import { defaultHints, reconnectDelay } from "./backoff.js";
import { closeVerdict } from "./close.js";
import { type EndReason, type Input, type State, step } from "./machine.js";
import { type Entry, Outbox } from "./outbox.js";
import { localProblem, problemOf, ProblemError } from "./problem.js";
import {
  type ClientFrame, isCommand, type JoinAck, parseFrame, type Problem, type ReconnectHints, type SendAck, type ServerFrame,
} from "./protocol.js";

export type RealtimeEvent =
  | { type: "state"; state: State }
  | { type: "frame"; frame: ServerFrame }
  | { type: "joined"; ack: JoinAck }
  /** The room did not let us in; it is not joined again by itself. */
  | { type: "refused"; room: string; problem: Problem }
  /**
   * The token was renewed, or a typed `/login` brought another one (a string); or it is of no use any more (null,
   * with the reason), or a typed `/logout` let go of it here (null without one).
   */
  | { type: "token"; token: string | null; reason: Problem | null };

export interface RealtimeOptions {
  /** The server's address (https://…) or its socket's (wss://…/ws). */
  url: string;
  token?: string | null;
  /** Gives a fresh token for one that expired; null when there is none to be had. */
  renew?: (token: string) => Promise<string | null>;
  /** For runtimes without a WebSocket of their own, such as Node 20: the class of the package `ws` fits. */
  WebSocket?: SocketClass;
  random?: () => number;
  nonce?: () => string;
}

/** As much of a WebSocket as is used here. */
export interface Socket {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
}
export type SocketClass = new (url: string, protocols: string[]) => Socket;

/** The data of a frame by its name. */
export type FrameData<E extends ServerFrame["event"]> = Extract<ServerFrame, { event: E }> extends { data: infer D } ? D : never;

type Cursor = { since?: number; epoch?: number };
type Request = { at: number; resolve(data: unknown): void; reject(error: ProblemError): void };
type Unsent<F> = F extends { id: number } ? Omit<F, "id"> : never;

const steadyAfter = 10_000;
/** A socket that has not said `welcome` by then, or a request without an answer, is taken for lost. */
const patience = 20_000;
const signedOut = () => localProblem("signed_out", "You are logged in as somebody else; the message was not sent again.");
const connectionLost = () => localProblem("connection_lost", "The connection was lost.");

export class Realtime {
  readonly #options: RealtimeOptions;
  readonly #listeners = new Set<(event: RealtimeEvent) => void>();
  readonly #rooms = new Map<string, Cursor>();
  readonly #requests = new Map<number, Request>();
  readonly #outbox = new Outbox();
  #state: State = { name: "idle" };
  #socket: Socket | null = null;
  #token: string | null;
  #hints: ReconnectHints = defaultHints;
  #failures = 0;
  /** A handshake that fails does not say why: the next attempt carries the token in a frame, whose refusal can be read. */
  #loginByFrame = false;
  #nextId = 1;
  /** How many of our own logouts are under way. */
  #leaving = 0;
  #onlineSince = 0;
  #heardAt = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #watchdog: ReturnType<typeof setInterval> | undefined;

  constructor(options: RealtimeOptions) {
    this.#options = options;
    this.#token = options.token ?? null;
  }

  get state(): State {
    return this.#state;
  }

  /** The highest seq seen in a room: what lies at or below it needs no waiting for. */
  seen(room: string): number {
    return this.#rooms.get(room)?.since ?? 0;
  }

  listen(listener: (event: RealtimeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Hears one kind of frame: `on("message", (message) => …)`. */
  on<E extends ServerFrame["event"]>(event: E, listener: (data: FrameData<E>) => void): () => void {
    return this.listen((heard) => {
      if (heard.type === "frame" && heard.frame.event === event) listener((heard.frame as { data: FrameData<E> }).data);
    });
  }

  /** Connects, or retries at once when a retry is being waited for; does nothing on a live connection. */
  connect(): void {
    clearTimeout(this.#retryTimer);
    if (!this.#socket) this.#open();
  }

  close(): void {
    clearTimeout(this.#retryTimer);
    this.#drop();
    this.#outbox.rejectAll(localProblem("closed", "The chat was closed."));
    this.#step({ type: "close" });
  }

  /** Keeps a room joined across reconnects. Joining again is harmless and refreshes ranks. */
  join(room: string): void {
    if (!this.#rooms.has(room)) this.#rooms.set(room, {});
    if (this.#state.name === "online") this.#sendJoin(room);
  }

  leave(room: string): void {
    this.#rooms.delete(room);
    if (this.#state.name === "online") this.#request({ event: "leave", data: { uid: room } }).catch(ignore);
  }

  /**
   * Posts a text (or runs a command): resolves when the server has it, rejects when the server refuses it, and
   * until then repeats it on every new connection. Two calls with one `nonce` are one message.
   */
  send(room: string, text: string, replyTo?: number, nonce = this.nonce()): Promise<SendAck> {
    if (this.#state.name === "ended") return Promise.reject(localProblem("not_connected", this.#state.detail));
    const { entry, done } = this.#outbox.add({ room, text, nonce, replyTo }, this.#token);
    if (this.#state.name === "online") this.#transmit(entry);
    return done;
  }

  /** A fresh name for a message. */
  nonce(): string {
    return (this.#options.nonce ?? randomNonce)();
  }

  /** Becomes another user (a token) or nobody (null), on the open socket when there is one. */
  setToken(token: string | null): void {
    if (token === this.#token) return;
    this.#token = token;
    this.#loginByFrame = false;
    if (this.#state.name === "online") {
      if (token === null) this.#logout();
      else this.#login(token);
      return;
    }
    this.#outbox.rejectAll(signedOut());
    if (this.#state.name !== "idle") {
      this.#drop();
      this.connect();
    }
  }

  #open(): void {
    const offered = this.#loginByFrame ? null : this.#token;
    const protocols = offered === null ? ["banter.v1"] : ["banter.v1", `bearer.${offered}`];
    const Socket = this.#options.WebSocket ?? (globalThis.WebSocket as SocketClass | undefined);
    if (!Socket) throw new Error("No WebSocket: pass one in the options.");
    this.#step({ type: "connect", attempt: this.#failures + 1 });
    const socket = new Socket(socketAddress(this.#options.url), protocols);
    this.#socket = socket;
    this.#retryTimer = setTimeout(() => this.#closed(1006, "", offered), patience);
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (socket !== this.#socket || typeof data !== "string") return;
      this.#heardAt = Date.now();
      const frame = parseFrame(data);
      if (frame) this.#receive(frame, offered);
    };
    socket.onerror = () => {}; // A close follows, and tells as much as there is to tell.
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      if (socket === this.#socket) this.#closed(code, reason, offered);
    };
  }

  #receive(frame: ServerFrame, offered: string | null): void {
    switch (frame.event) {
      case "ping":
        return this.#write({ event: "pong" });
      case "welcome":
        return this.#online(frame.data.connection, frame.data.heartbeat, frame.data.reconnect, offered);
      case "ack":
        return this.#settle(frame.id, (request) => request.resolve(frame.data));
      case "error":
        if (frame.id !== undefined) {
          return this.#settle(frame.id, (request) => request.reject(new ProblemError(frame.data)));
        }
        break;
      case "auth_updated":
        this.#become(frame.data);
        break;
      case "reset":
        if (frame.data.reason === "deleted") this.#rooms.delete(frame.data.room);
        else if (this.#rooms.has(frame.data.room)) this.#rooms.set(frame.data.room, {});
        break;
      case "room_messages":
        this.#advance(frame.data.room, frame.data.head, frame.data.epoch);
        break;
      case "room_updated":
        this.#advance(frame.data.room.uid, frame.data.seq);
        break;
      case "message": case "message_deleted": case "room_purged": case "user_moderated":
        if (frame.data.room !== null) this.#advance(frame.data.room, frame.data.seq);
        break;
    }
    this.#emit({ type: "frame", frame });
  }

  #online(connection: number, heartbeat: number, hints: ReconnectHints | undefined, offered: string | null): void {
    this.#hints = hints ?? this.#hints;
    this.#onlineSince = Date.now();
    this.#watch(heartbeat > 0 ? heartbeat : 25_000);
    clearTimeout(this.#retryTimer);
    this.#step({ type: "welcome", connection });
    if (this.#token !== null && this.#token !== offered) this.#login(this.#token);
    for (const room of this.#rooms.keys()) this.#sendJoin(room);
    for (const entry of this.#outbox.waiting()) this.#transmit(entry);
  }

  #login(token: string): void {
    this.#request({ event: "login", data: { token } }).then(
      () => {
        this.#loginByFrame = false;
        for (const room of this.#rooms.keys()) this.#sendJoin(room);
      },
      (error: unknown) => {
        const problem = problemOf(error);
        if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) this.#dropToken(token, problem);
        else if (problem.status !== 0) this.#socket?.close(4000, "login failed");
      },
    );
  }

  #logout(): void {
    this.#leaving++;
    this.#request({ event: "logout", data: {} }).catch(ignore).finally(() => this.#leaving--);
  }

  /** `/login` and `/logout` can be typed like any text: then the server tells who we are without being asked by us. */
  #become({ user, token = null }: FrameData<"auth_updated">): void {
    if (token === null && (user !== null || this.#token === null || this.#leaving > 0)) return;
    this.#token = token;
    this.#loginByFrame = false;
    this.#emit({ type: "token", token, reason: null });
    for (const room of this.#rooms.keys()) this.#sendJoin(room);
  }

  #sendJoin(uid: string): void {
    const cursor = this.#rooms.get(uid);
    this.#request({ event: "join", data: { uid, ...cursor } }).then(
      (data) => {
        const ack = data as JoinAck;
        this.#advance(uid, ack.head, ack.epoch);
        this.#emit({ type: "joined", ack });
      },
      (error: unknown) => {
        const problem = problemOf(error);
        if (problem.status === 0) return;
        if (problem.status >= 500 || problem.status === 429) {
          setTimeout(() => this.#rooms.has(uid) && this.join(uid), (problem.retryAfter ?? 2) * 1000);
          return;
        }
        this.#rooms.delete(uid);
        this.#emit({ type: "refused", room: uid, problem });
      },
    );
  }

  #transmit(entry: Entry): void {
    if (entry.token !== this.#token) return entry.reject(signedOut());
    this.#request({ event: "sendMessage", data: entry.message }).then(
      (data) => entry.resolve(data as SendAck),
      (error: ProblemError) => {
        if (error.problem.status === 0) return this.#outbox.lost(entry);
        if (error.problem.status !== 503 || isCommand(entry.message.text)) return entry.reject(error);
        // Busy: it may still get into the log. The same nonce again finds it there, another one would double it.
        setTimeout(() => {
          if (this.#outbox.has(entry) && this.#state.name === "online") this.#transmit(entry);
        }, (error.problem.retryAfter ?? 2) * 1000);
      },
    );
  }

  #request(frame: Unsent<ClientFrame>): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { at: Date.now(), resolve, reject });
      this.#write({ ...frame, id } as ClientFrame);
    });
  }

  #settle(id: number, answer: (request: Request) => void): void {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    if (request) answer(request);
  }

  #write(frame: ClientFrame): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  #advance(room: string, seq: number | undefined, epoch?: number): void {
    const cursor = this.#rooms.get(room);
    if (!cursor) return;
    if (seq !== undefined) cursor.since = Math.max(cursor.since ?? 0, seq);
    if (epoch !== undefined) cursor.epoch = epoch;
  }

  #closed(code: number, reason: string, offered: string | null): void {
    const wasOnline = this.#state.name === "online";
    this.#drop();
    this.#loginByFrame = !wasOnline && offered !== null;
    if (wasOnline && Date.now() - this.#onlineSince >= steadyAfter) this.#failures = 0;
    const verdict = closeVerdict(code);
    if (verdict === "banned" || verdict === "too_many") return this.#end(verdict, reason);
    const ended = verdict === "signed_out" ? this.#token : null;
    const delay = reconnectDelay(this.#failures++, this.#hints, verdict === "drained", this.#options.random ?? Math.random);
    const expired = verdict === "renew" ? this.#token : null;
    this.#retryTimer = setTimeout(() => void this.#comeBack(expired), delay);
    this.#step({ type: "lost", attempt: this.#failures, until: Date.now() + delay });
    // Last, because who hears it may connect at once.
    if (ended !== null) this.#dropToken(ended, { status: 401, code: "token_ended", detail: reason || "You were logged out." });
  }

  async #comeBack(expired: string | null): Promise<void> {
    const token = expired && (await this.#options.renew?.(expired).catch(() => expired)) || null;
    if (expired !== null && this.#token === expired && token !== expired) {
      if (token === null) this.#dropToken(expired, { status: 401, code: "token_expired", detail: "Log in again." });
      else this.#renewed(token);
    }
    if (this.#state.name === "waiting" && !this.#socket) this.#open();
  }

  /** The same person under a fresh token: what waits is still theirs. */
  #renewed(token: string): void {
    for (const entry of this.#outbox.waiting()) entry.token = token;
    this.#emit({ type: "token", token: (this.#token = token), reason: null });
  }

  #end(reason: EndReason, said: string): void {
    const detail = said || (reason === "banned" ? "You are banned from this server." : "Too many open connections.");
    this.#outbox.rejectAll(localProblem(reason, detail));
    this.#step({ type: "end", reason, detail });
  }

  #dropToken(token: string, reason: Problem): void {
    if (this.#token !== token) return;
    this.#token = null;
    this.#loginByFrame = false;
    this.#outbox.rejectAll(new ProblemError(reason));
    this.#emit({ type: "token", token: null, reason });
  }

  /** Some networks drop a connection without a word: silence for two and a half heartbeats is a loss, and so is an unanswered request. */
  #watch(heartbeat: number): void {
    clearInterval(this.#watchdog);
    this.#watchdog = setInterval(() => {
      const [oldest] = this.#requests.values();
      const now = Date.now();
      if (now - this.#heardAt > heartbeat * 2.5 || now - (oldest?.at ?? now) > patience) this.#closed(1006, "", this.#token);
    }, heartbeat);
  }

  /** Lets go of the socket without waiting for its goodbye. */
  #drop(): void {
    clearInterval(this.#watchdog);
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const request of requests) request.reject(connectionLost());
  }

  #step(input: Input): void {
    const state = step(this.#state, input);
    if (!state) return;
    this.#state = state;
    this.#emit({ type: "state", state });
  }

  #emit(event: RealtimeEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}

function ignore(): void {}

/** The socket of a server that is named by its address. */
function socketAddress(url: string): string {
  return /^http/.test(url) ? url.replace(/^http/, "ws").replace(/\/*$/, "/ws") : url;
}

function randomNonce(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
