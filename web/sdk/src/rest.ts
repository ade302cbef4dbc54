/**
 * The HTTP contract as methods: each makes one request and returns the parsed body, or throws a
 * ProblemError. What goes in and out is typed by the server's own OpenAPI document (api.generated.ts);
 * `call` reaches every path of it. `fetch` can be handed in, which is how the playground shows the exact bytes.
 */
import type {
  BanView, CapabilitiesAnswer, CardAnswer, CommandView, ConnectionView, Credentials, LoginAnswer, LogView, NewBan, paths, RoomChanges, UserChanges,
} from "./api.generated.js";
import { localProblem, problemFrom, ProblemError } from "./problem.js";

export type Method = "get" | "post" | "patch" | "delete";

/** The paths that know a method. */
export type PathOf<M extends Method> = { [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never }[keyof paths];

type Json<T> = T extends { content: { "application/json": infer Body } } ? Body : null;
type Answers<O> = O extends { responses: infer R } ? { [Status in Extract<keyof R, 200 | 201 | 204>]: Json<R[Status]> } : never;
/** What a call of a path answers when it succeeds. */
export type Answer<P extends keyof paths, M extends Method> = Answers<paths[P][M]>[keyof Answers<paths[P][M]>];
type Query<P extends keyof paths, M extends Method> =
  NonNullable<paths[P][M]> extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;
type Body<P extends keyof paths, M extends Method> =
  NonNullable<paths[P][M]> extends { requestBody: { content: { "application/json": infer B } } } ? B : never;
type Params<P extends keyof paths, M extends Method> =
  NonNullable<paths[P][M]> extends { parameters: { path: infer Values } } ? Values : never;

/** What a call takes: `params` fill the braces of the path, `query` follows it, `body` is sent as JSON. */
export interface Given<P extends keyof paths, M extends Method> {
  params?: Params<P, M>;
  query?: Query<P, M>;
  body?: Body<P, M>;
}

export type Sanction = BanView;
export type Connection = ConnectionView;
export type Session = LoginAnswer;
export type LogEntry = LogView;
export type UserPatch = UserChanges;
export type RoomPatch = RoomChanges;
export type SanctionRequest = NewBan;
export type { Credentials };

/** A command as `/help` knows it: `usage` is like `/ban <user> [duration] [reason]`, `least` the rank it takes. */
export type CommandInfo = CommandView;
/** What the caller may do in a room; `user` and `rank` are null for nobody. */
export type Capabilities = CapabilitiesAnswer;
export type Capability = Capabilities["capabilities"][number];

/** Somebody as a room knows them. `may` is what the caller may do to them; `sanctions` and `log` are for those who may see them. */
export type UserCard = CardAnswer;

export interface RestOptions {
  /** Where the server is: scheme, host, and the path where it has one. */
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

  register(body: Credentials) { return this.call("post", "/users/register", { body }); }
  login(body: Credentials) { return this.call("post", "/users/login", { body }); }
  loginAsGuest() { return this.#send<Session>("post", "/users/login", { guest: 1 }); }
  logout() { return this.call("post", "/users/logout"); }
  renewToken() { return this.call("post", "/me/token"); }
  me() { return this.call("get", "/me"); }
  random() { return this.call("get", "/random"); }
  version() { return this.call("get", "/version"); }

  users(query: Query<"/users", "get">) { return this.call("get", "/users", { query }); }
  patchUser(uid: string, body: UserPatch) { return this.call("patch", "/users/{uid}", { params: { uid }, body }); }
  deleteUser(uid: string) { return this.call("delete", "/users/{uid}", { params: { uid } }); }

  rooms(query: Query<"/rooms", "get"> = {}) { return this.call("get", "/rooms", { query }); }
  room(uid: string) { return this.call("get", "/rooms/{uid}", { params: { uid } }); }
  createRoom(body: { name: string; description?: string }) { return this.call("post", "/rooms", { body }); }
  patchRoom(uid: string, body: RoomPatch) { return this.call("patch", "/rooms/{uid}", { params: { uid }, body }); }
  deleteRoom(uid: string) { return this.call("delete", "/rooms/{uid}", { params: { uid } }); }
  capabilities(room: string) { return this.call("get", "/rooms/{uid}/capabilities", { params: { uid: room } }); }
  /** What the caller may type after a slash, in a room or anywhere. */
  commands(room?: string) { return this.call("get", "/commands", room ? { query: { room } } : {}); }
  card(room: string, user: string) { return this.call("get", "/rooms/{uid}/users/{user}", { params: { uid: room, user } }); }
  log(room: string, query: Query<"/rooms/{uid}/log", "get"> = {}) {
    return this.call("get", "/rooms/{uid}/log", { params: { uid: room }, query });
  }

  messages(room: string, query: Query<"/rooms/{uid}/messages", "get"> = {}) {
    return this.call("get", "/rooms/{uid}/messages", { params: { uid: room }, query });
  }
  /** Deletes all messages of a room, or one author's. */
  purge(room: string, user?: string) {
    return this.call("delete", "/rooms/{uid}/messages", { params: { uid: room }, ...(user ? { query: { user } } : {}) });
  }
  message(id: number) { return this.call("get", "/messages/{id}", { params: { id } }); }
  postMessage(body: { room: string; message: string; nonce?: string; reply_to?: number }) { return this.call("post", "/messages", { body }); }
  deleteMessage(id: number) { return this.call("delete", "/messages/{id}", { params: { id } }); }
  /** A room has one pinned message: a new one takes its place. */
  pin(id: number) { return this.call("post", "/messages/{id}/pin", { params: { id } }); }
  unpin(id: number) { return this.call("delete", "/messages/{id}/pin", { params: { id } }); }

  /** Without a room: the global ones. */
  sanctions(room?: string) { return this.call("get", "/bans", room ? { query: { room } } : {}); }
  sanction(body: SanctionRequest) { return this.call("post", "/bans", { body }); }
  lift(body: { user: string; room?: string }) { return this.call("post", "/unban", { body }); }

  connections() { return this.call("get", "/connections"); }
  disconnect(id: number) { return this.call("delete", "/connections/{id}", { params: { id } }); }

  /** Any call of the API by its path in the OpenAPI document. */
  call<M extends Method, P extends PathOf<M>>(method: M, path: P, given: Given<P, M> = {}): Promise<Answer<P, M>> {
    const params = given.params as Record<string, string | number> | undefined;
    const filled = (path as string).replace(/\{(\w+)\}/g, (_, name: string) => part(params?.[name] ?? ""));
    return this.#send(method, filled + search(given.query ?? {}), given.body as object | undefined);
  }

  async #send<T>(method: Method, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json" };
    const token = this.#options.token?.();
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    const send = this.#options.fetch ?? ((url: string, init: RequestInit) => fetch(url, init));
    const init: RequestInit = { method: method.toUpperCase(), headers, body: body ? JSON.stringify(body) : null };
    const response = await send(this.#options.base.replace(/\/*$/, path), init).catch(() => {
      throw localProblem("unreachable", "The server cannot be reached.");
    });
    const text = await response.text();
    const parsed = parse(text);
    if (!response.ok) throw new ProblemError(problemFrom(response.status, parsed));
    return parsed as T;
  }
}

function part(value: string | number): string {
  return encodeURIComponent(value);
}

function search(query: object): string {
  const given = Object.entries(query as Record<string, unknown>).filter(([, value]) => value !== undefined && value !== "");
  return given.length ? "?" + new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString() : "";
}

function parse(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
