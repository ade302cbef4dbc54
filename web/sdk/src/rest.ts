/**
 * The HTTP contract as methods: each builds one request and returns the parsed body, or throws a
 * ProblemError. `fetch` can be handed in, which is how the playground shows the exact bytes.
 */
import { localProblem, problemFrom, ProblemError } from "./problem";
import type { Message, Role, Room, User } from "./protocol";

export interface Sanction {
  id: number;
  kind: "ban" | "timeout";
  user: User | null;
  room: string | null;
  reason?: string | null;
  by?: User | null;
  timestamp: number;
  until?: number | null;
  network?: boolean | string | null;
}

export interface Connection {
  id: number | string;
  user: User | null;
  rooms: string[];
  timestamp: number;
}

export interface Session { user: User; token: string }
export interface Credentials { username: string; password: string }
export interface UserPatch { display_name?: string; picture?: string | null; roles?: ("super_mod" | "admin")[]; password?: string }
export interface RoomPatch { name?: string; description?: string; slow_mode?: number; allowed_sites?: string[] }
export interface SanctionRequest { user: string; room?: string; duration?: string; reason?: string; kind?: "timeout" }

/** A command as `/help` knows it: `usage` is like `/ban <user> [duration] [reason]`, `least` the rank it takes. */
export interface CommandInfo { name: string; usage: string; help: string; least: Role }

export type Capability =
  | "post" | "delete_messages" | "purge" | "clear" | "slow" | "timeout" | "ban" | "lift" | "pin" | "see_log" | "see_bans"
  | "settings" | "appoint" | "delete_room";

/** What the caller may do in a room; `user` and `rank` are null for nobody. */
export interface Capabilities { room: string; user: string | null; rank: Role | null; capabilities: Capability[] }

export interface LogEntry {
  seq: number;
  timestamp: number;
  action: string;
  actor: User;
  user?: User;
  message?: number;
  room?: Room;
  until?: number;
  reason?: string;
}

/** Somebody as a room knows them. `may` is what the caller may do to them; `sanctions` and `log` are for those who may see them. */
export interface UserCard {
  user: User;
  createdAt: number;
  messages: Message[];
  may: Capability[];
  sanctions?: Sanction[];
  log?: LogEntry[];
}

type Query = Record<string, string | number | undefined>;
type Method = "GET" | "POST" | "PATCH" | "DELETE";

export interface RestOptions {
  /** Where the server is: scheme and host, no slash at the end. */
  base: string;
  /** Asked before every request. */
  token?: () => string | null;
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

export class Rest {
  readonly #options: RestOptions;

  constructor(options: RestOptions) {
    this.#options = options;
  }

  register(body: Credentials) { return this.#call<Session>("POST", "/users/register", body); }
  login(body: Credentials) { return this.#call<Session>("POST", "/users/login", body); }
  loginAsGuest() { return this.#call<Session>("POST", "/users/login", { guest: 1 }); }
  logout() { return this.#call<null>("POST", "/users/logout"); }
  renewToken() { return this.#call<{ token: string }>("POST", "/me/token"); }
  me() { return this.#call<{ user: User }>("GET", "/me"); }
  random() { return this.#call<{ name: string; password: string }>("GET", "/random"); }
  version() { return this.#call<{ name: string; version: string }>("GET", "/version"); }

  users(query: { search?: string; after?: string; limit?: number }) {
    return this.#call<{ users: User[]; next?: string | number | null }>("GET", "/users" + search(query));
  }
  patchUser(uid: string, patch: UserPatch) { return this.#call<{ user: User }>("PATCH", `/users/${part(uid)}`, patch); }
  deleteUser(uid: string) { return this.#call<null>("DELETE", `/users/${part(uid)}`); }

  rooms(query: { after?: string; limit?: number } = {}) {
    return this.#call<{ rooms: Room[]; next?: string | number | null }>("GET", "/rooms" + search(query));
  }
  room(uid: string) { return this.#call<{ room: Room }>("GET", `/rooms/${part(uid)}`); }
  createRoom(body: { name: string; description?: string }) { return this.#call<{ room: Room }>("POST", "/rooms", body); }
  patchRoom(uid: string, patch: RoomPatch) { return this.#call<{ room: Room }>("PATCH", `/rooms/${part(uid)}`, patch); }
  deleteRoom(uid: string) { return this.#call<null>("DELETE", `/rooms/${part(uid)}`); }

  capabilities(room: string) { return this.#call<Capabilities>("GET", `/rooms/${part(room)}/capabilities`); }
  /** What the caller may type after a slash, in a room or anywhere. */
  commands(room?: string) { return this.#call<{ commands: CommandInfo[] }>("GET", "/commands" + search({ room })); }
  card(room: string, user: string) { return this.#call<UserCard>("GET", `/rooms/${part(room)}/users/${part(user)}`); }
  log(room: string, query: { user?: string; before?: number; limit?: number } = {}) {
    return this.#call<{ log: LogEntry[]; next?: number | null }>("GET", `/rooms/${part(room)}/log` + search(query));
  }

  messages(room: string, query: { before?: number; after?: number; limit?: number; user?: string } = {}) {
    return this.#call<{ room: Room; messages: Message[]; next: number | null }>(
      "GET", `/rooms/${part(room)}/messages` + search(query));
  }
  purge(room: string, user?: string) { return this.#call<null>("DELETE", `/rooms/${part(room)}/messages` + search({ user })); }
  message(id: number) { return this.#call<{ message: Message }>("GET", `/messages/${id}`); }
  postMessage(body: { room: string; message: string; nonce?: string; reply_to?: number }) {
    return this.#call<{ message: Message } | { command: string; text: string }>("POST", "/messages", body);
  }
  deleteMessage(id: number) { return this.#call<null>("DELETE", `/messages/${id}`); }
  /** A room has one pinned message: a new one takes its place. */
  pin(id: number) { return this.#call<{ message: Message }>("POST", `/messages/${id}/pin`); }
  unpin(id: number) { return this.#call<null>("DELETE", `/messages/${id}/pin`); }

  /** Without a room: the global ones. */
  sanctions(room?: string) { return this.#call<{ bans: Sanction[] }>("GET", "/bans" + search({ room })); }
  sanction(body: SanctionRequest) { return this.#call<{ ban: Sanction }>("POST", "/bans", body); }
  lift(body: { user: string; room?: string }) { return this.#call<unknown>("POST", "/unban", body); }

  connections() { return this.#call<{ connections: Connection[] }>("GET", "/connections"); }
  disconnect(id: number | string) { return this.#call<null>("DELETE", `/connections/${part(String(id))}`); }

  async #call<T>(method: Method, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json" };
    const token = this.#options.token?.();
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    const send = this.#options.fetch ?? ((url: string, init: RequestInit) => fetch(url, init));
    const init: RequestInit = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
    const response = await send(this.#options.base + path, init).catch(() => {
      throw localProblem("unreachable", "The server cannot be reached.");
    });
    const text = await response.text();
    const parsed = parse(text);
    if (!response.ok) throw new ProblemError(problemFrom(response.status, parsed));
    return parsed as T;
  }
}

function part(value: string): string {
  return encodeURIComponent(value);
}

function search(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  return given.length ? "?" + new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString() : "";
}

function parse(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
