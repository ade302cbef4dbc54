/**
 * The state of the fake server: users, rooms, and each room's log, with just enough of the rules for the
 * pages to be developed and tested against. It outlives a stopped server, as a database would.
 */
import type { Message, Problem, Role, Room, ServerFrame, User } from "../../sdk/src";

export interface Account { user: User; username: string; password: string }
export interface FakeRoom { room: Room; owner: string; mods: Set<string>; seq: number; epoch: number; log: { seq: number; frame: ServerFrame }[] }
export interface Sanction {
  id: number; kind: "ban" | "timeout"; user: string; room: string | null; reason: string; by: string; timestamp: number; until: number | null;
}

export class Refusal extends Error {
  readonly problem: Problem;

  constructor(status: number, code: string, detail: string, more: Partial<Problem> = {}) {
    super(detail);
    this.problem = { type: `/errors#${code}`, title: code, status, detail, code, error: detail, ...more };
  }
}

const order: Role[] = ["guest", "registered", "vip", "mod", "owner", "super_mod", "admin", "root"];

export class World {
  readonly accounts = new Map<string, Account>();
  readonly tokens = new Map<string, string>();
  readonly rooms = new Map<string, FakeRoom>();
  sanctions: Sanction[] = [];
  guests: "address" | "browser" = "browser";
  /** Hears every event of every room, in order. */
  publish: (room: string, frame: ServerFrame) => void = () => {};
  readonly #nonces = new Map<string, Message>();
  #next = 1;

  constructor() {
    this.#add("root", "root-password", ["registered", "root"]);
  }

  signIn(uid: string): { user: User; token: string } {
    const token = `token-${uid}-${this.#next++}`;
    this.tokens.set(token, uid);
    return { user: this.accounts.get(uid)!.user, token };
  }

  holder(token: string | null | undefined): Account | null {
    return this.accounts.get(this.tokens.get(token ?? "") ?? "") ?? null;
  }

  register(username: string, password: string) {
    if (!/^[\w-]{3,24}$/.test(username)) throw new Refusal(422, "bad_username", "A name has 3 to 24 letters, digits, _ or -.", { field: "username" });
    if (password.length < 8) throw new Refusal(422, "bad_password", "A password has at least 8 characters.", { field: "password" });
    if (this.#named(username)) throw new Refusal(409, "name_taken", "This name is taken.", { field: "username" });
    return this.signIn(this.#add(username, password, ["registered"]).user.uid);
  }

  login(username: string, password: string) {
    const account = this.#named(username);
    if (account?.password !== password) throw new Refusal(401, "bad_credentials", "The name or the password is wrong.");
    return this.signIn(account.user.uid);
  }

  guest() {
    const known = this.guests === "address" ? [...this.accounts.values()].find((a) => a.user.roles.includes("guest")) : undefined;
    return this.signIn((known ?? this.#add(`guest-${1000 + this.#next}`, "", ["guest"])).user.uid);
  }

  createRoom(owner: string, name: string, description = ""): FakeRoom {
    if (!name.trim()) throw new Refusal(422, "bad_name", "A room needs a name.", { field: "name" });
    const uid = `room${String(this.#next++).padStart(8, "0")}`;
    const made = { room: { uid, name, description, slowMode: 0, rules: { maxLength: 500, maxLines: 12, links: true, read: "everyone" }, timestamp: Date.now(), allowedSites: [], site: null }, owner, mods: new Set<string>(), seq: 0, epoch: 1, log: [] };
    this.rooms.set(uid, made);
    return made;
  }

  find(uid: unknown): FakeRoom {
    const room = this.rooms.get(String(uid));
    if (!room) throw new Refusal(404, "no_such_room", "There is no such room.");
    return room;
  }

  /** A user with the room's ranks. */
  inRoom(room: FakeRoom, uid: string): User {
    const { user } = this.accounts.get(uid)!;
    const roles = [...user.roles];
    if (room.owner === uid) roles.push("owner");
    if (room.mods.has(uid)) roles.push("mod");
    return { ...user, roles };
  }

  rank(user: User): number {
    return Math.max(...user.roles.map((role) => order.indexOf(role)));
  }

  /** Takes a rank of at least `least` in the room, and above the other's when someone is acted on. */
  allow(actor: string, room: FakeRoom | null, least: Role, other?: string): void {
    const view = (uid: string) => (room ? this.inRoom(room, uid) : this.accounts.get(uid)!.user);
    const mine = this.rank(view(actor));
    if (mine < order.indexOf(least) || (other !== undefined && other !== actor && mine <= this.rank(view(other)))) {
      throw new Refusal(403, "forbidden", "You may not do that.");
    }
  }

  sanctionOf(uid: string | null, room: FakeRoom, kind: "ban" | "timeout"): Sanction | undefined {
    return this.sanctions.find((s) => s.user === uid && s.kind === kind && (s.room === room.room.uid || s.room === null) && (s.until ?? Infinity) > Date.now());
  }

  post(author: string, room: FakeRoom, text: string, nonce?: string): Message {
    const known = nonce && this.#nonces.get(`${room.room.uid} ${author} ${nonce}`);
    if (known) return known;
    if (this.sanctionOf(author, room, "ban")) throw new Refusal(403, "banned", "You are banned from this room.");
    const timeout = this.sanctionOf(author, room, "timeout");
    if (timeout) throw new Refusal(403, "timed_out", "You are timed out.", { retryAfter: Math.ceil((timeout.until! - Date.now()) / 1000) });
    if (!text.trim() || text.length > 500) throw new Refusal(422, "bad_message", "A message has 1 to 500 characters.", { field: "message" });
    const last = room.log.findLast(({ frame }) => frame.event === "message" && frame.data.user.uid === author)?.frame;
    const since = last?.event === "message" ? (Date.now() - last.data.timestamp) / 1000 : Infinity;
    if (since < room.room.slowMode && this.rank(this.inRoom(room, author)) < 3) {
      throw new Refusal(429, "slow_mode", "Slow mode is on here.", { retryAfter: Math.ceil(room.room.slowMode - since) });
    }
    const message: Message = {
      id: this.#next++, seq: room.seq + 1, room: room.room.uid, timestamp: Date.now(), message: text, user: this.inRoom(room, author),
    };
    if (nonce) this.#nonces.set(`${room.room.uid} ${author} ${nonce}`, message);
    this.append(room, () => ({ event: "message", data: message }));
    return message;
  }

  append(room: FakeRoom, make: (seq: number) => ServerFrame): void {
    const seq = ++room.seq;
    const frame = make(seq);
    room.log.push({ seq, frame });
    if (frame.event === "message_deleted") room.log = room.log.filter(({ frame: f }) => f.event !== "message" || !frame.data.ids.includes(f.data.id));
    if (frame.event === "room_purged") room.log = room.log.filter((e) => e.frame.event !== "message" || e.seq > seq);
    this.publish(room.room.uid, frame);
  }

  messages(room: FakeRoom, before = Infinity): Message[] {
    return room.log.flatMap(({ frame }) => (frame.event === "message" && frame.data.seq < before ? [frame.data] : [])).slice(-50);
  }

  delete(actor: string, id: number): void {
    for (const room of this.rooms.values()) {
      const message = room.log.find(({ frame }) => frame.event === "message" && frame.data.id === id)?.frame;
      if (message?.event !== "message") continue;
      if (message.data.user.uid !== actor) this.allow(actor, room, "mod", message.data.user.uid);
      return this.append(room, (seq) => ({ event: "message_deleted", data: { room: room.room.uid, seq, ids: [id] } }));
    }
    throw new Refusal(404, "no_such_message", "There is no such message.");
  }

  sanction(actor: string, body: { user: string; room?: string; duration?: string; reason?: string; kind?: string }): Sanction {
    const room = body.room ? this.find(body.room) : null;
    this.allow(actor, room, room ? "mod" : "admin", body.user);
    const kind = body.kind === "timeout" ? "timeout" : "ban";
    const [, count = "0", unit = "s"] = /^(\d+)([smhdw])$/.exec(body.duration ?? "") ?? [];
    const seconds = Number(count) * { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit as "s"];
    const until = seconds ? Date.now() + seconds * 1000 : null;
    const made: Sanction = {
      id: this.#next++, kind, user: body.user, room: room?.room.uid ?? null, reason: body.reason ?? "", by: actor, timestamp: Date.now(), until,
    };
    this.sanctions = [...this.sanctions.filter((s) => s.user !== made.user || s.room !== made.room || s.kind !== kind), made];
    if (room) this.#moderated(room, body.user, kind, until);
    return made;
  }

  lift(actor: string, body: { user: string; room?: string }): void {
    const room = body.room ? this.find(body.room) : null;
    this.allow(actor, room, room ? "mod" : "admin");
    const lifted = this.sanctions.filter((s) => s.user === body.user && s.room === (body.room ?? null));
    this.sanctions = this.sanctions.filter((s) => !lifted.includes(s));
    if (room) for (const { kind } of lifted) this.#moderated(room, body.user, `un${kind}`, null);
  }

  #moderated(room: FakeRoom, uid: string, action: "ban" | "timeout" | "unban" | "untimeout", until: number | null): void {
    const user = this.inRoom(room, uid);
    this.append(room, (seq) => ({ event: "user_moderated", data: { room: room.room.uid, seq, user, action, until } }));
  }

  #named(username: string): Account | undefined {
    return [...this.accounts.values()].find((account) => account.username.toLowerCase() === username.toLowerCase());
  }

  #add(username: string, password: string, roles: Role[]): Account {
    const uid = `u${String(this.#next++).padStart(9, "0")}`;
    const account = { user: { uid, displayName: username, picture: null, countryCode: null, roles }, username, password };
    this.accounts.set(uid, account);
    return account;
  }
}
