/**
 * The state of one chat window and all that may be done to it. Frames come in batches and change signals;
 * components read signals and call methods. Knows the SDK, never the page.
 */
import { computed, signal } from "@preact/signals";
import {
  localProblem, type Message, type Problem, problemOf, type Realtime, type RealtimeEvent, type Rest, type Room, type SanctionRequest,
  type SendAck, type ServerFrame, type Session, type State, uidOf, type User,
} from "../sdk/src";
import type { TokenStore } from "../shared/session";
import { Announcer } from "./announcer";
import { Batch } from "./batch";
import { isModerator } from "./ranks";
import { applyFrames, type Line, shownLines, trim } from "./transcript";

/** A text on its way: it leaves when its message has arrived, or stays with the reason why it was refused. */
export interface Pending { key: number; text: string; seq?: number; problem?: Problem }

export interface ChatParts { rest: Rest; realtime: Realtime; tokens: TokenStore }

export class ChatStore {
  readonly state = signal<State>({ name: "idle" });
  readonly signedIn = signal(false);
  readonly me = signal<User | null>(null);
  readonly room = signal<Room | null>(null);
  readonly roomUid = signal<string | null>(null);
  /** True from the first snapshot on. */
  readonly joined = signal(false);
  /** Why there is no chat here at all: banned, deleted, no such room. */
  readonly barred = signal<Problem | null>(null);
  readonly viewers = signal<number | null>(null);
  readonly lines = signal<readonly Line[]>([]);
  readonly shown = computed(() => this.lines.value.slice(0, shownLines));
  readonly pending = signal<readonly Pending[]>([]);
  readonly problem = signal<Problem | null>(null);
  readonly following = signal(true);
  /** Messages that came below the reader's place. */
  readonly fresh = signal(0);
  /** Messages that came while nobody looked: scrolled up, or the window hidden. */
  readonly unread = signal(0);
  /** When slow mode, or a time-out, lets us write again. */
  readonly slowUntil = signal(0);
  readonly mutedUntil = signal(0);
  readonly moderates = computed(() => isModerator(this.me.value));
  readonly announcer = new Announcer();
  /** Called for each message that arrives live. */
  onMessage: (message: Message) => void = () => {};

  readonly #parts: ChatParts;
  readonly #batch = new Batch<ServerFrame>((frames) => this.#apply(frames));
  #nextKey = 1;

  constructor(parts: ChatParts) {
    this.#parts = parts;
    this.signedIn.value = parts.tokens.token !== null;
    parts.realtime.listen((event) => this.#hear(event));
    parts.tokens.watch((token) => this.#becomeHolder(token));
  }

  async start(room: string | null, asGuest: boolean): Promise<void> {
    this.open(room);
    if (asGuest && !this.signedIn.value) await this.signIn((rest) => rest.loginAsGuest()).catch(() => {});
    this.#parts.realtime.connect();
  }

  open(room: string | null): void {
    const before = this.roomUid.value;
    if (before !== null && before !== room) this.#parts.realtime.leave(before);
    this.#batch.flush();
    this.roomUid.value = room;
    this.#clear();
    this.room.value = null;
    this.barred.value = null;
    if (room !== null) this.#parts.realtime.join(room);
  }

  /** Tries again what was given up: a connection that ended, or a room that did not let us in. */
  retry(): void {
    const room = this.roomUid.value;
    this.barred.value = null;
    if (room !== null) this.#parts.realtime.join(room);
    this.#parts.realtime.connect();
  }

  /** Signs in by whatever `ask` asks of the server; a refusal is shown and thrown. */
  async signIn(ask: (rest: Rest) => Promise<Session>): Promise<void> {
    try {
      const { user, token } = await ask(this.#parts.rest);
      this.#parts.tokens.keep(token);
      this.me.value = user;
      this.problem.value = null;
      this.#becomeHolder(token);
    } catch (error) {
      this.problem.value = problemOf(error);
      throw error;
    }
  }

  /** Ends the session everywhere. */
  signOut(): void {
    this.#parts.rest.logout().catch(() => {});
    this.release();
  }

  /** Forgets the token here and leaves the session alone. */
  release(): void {
    this.#parts.tokens.update(null);
    this.#becomeHolder(null);
  }

  /** Takes the token that the host page hands over, for this window alone. */
  borrow(token: string): void {
    this.#parts.tokens.borrow(token);
    this.#becomeHolder(token);
  }

  send(text: string): void {
    const room = this.roomUid.value;
    if (room === null) return;
    const entry: Pending = { key: this.#nextKey++, text };
    this.pending.value = [...this.pending.value, entry];
    this.problem.value = null;
    this.#parts.realtime.send(room, text).then(
      (ack) => this.#acknowledged(entry, ack),
      (error: unknown) => this.#refused(entry, problemOf(error)),
    );
  }

  discard(entry: Pending): void {
    this.pending.value = this.pending.value.filter((other) => other.key !== entry.key);
  }

  async remove(message: Message): Promise<void> {
    await this.#ask(this.#parts.rest.deleteMessage(message.id));
  }

  async sanction(user: User, options: Omit<SanctionRequest, "user" | "room">): Promise<void> {
    const room = this.roomUid.value;
    if (room !== null) await this.#ask(this.#parts.rest.sanction({ user: user.uid, room, ...options }));
  }

  follow(following: boolean): void {
    if (this.following.peek() === following) return;
    this.following.value = following;
    if (!following) return;
    this.lines.value = trim(this.lines.value, true);
    this.seen();
  }

  /** The reader looks at the newest line. */
  seen(): void {
    this.fresh.value = 0;
    if (!document.hidden) this.unread.value = 0;
  }

  async #ask(request: Promise<unknown>): Promise<void> {
    try {
      await request;
      this.problem.value = null;
    } catch (error) {
      const problem = problemOf(error);
      if (problem.status !== 404) this.problem.value = problem;
    }
  }

  #becomeHolder(token: string | null): void {
    this.signedIn.value = token !== null;
    if (token === null) this.me.value = null;
    this.slowUntil.value = this.mutedUntil.value = 0;
    this.#parts.realtime.setToken(token);
    if (this.barred.peek()) this.retry();
  }

  #acknowledged(entry: Pending, ack: SendAck): void {
    const room = this.room.value;
    if (room && !this.moderates.value && "seq" in ack) this.slowUntil.value = Date.now() + room.slowMode * 1000;
    if ("seq" in ack && ack.seq > this.#seen()) this.#change(entry, { seq: ack.seq });
    else this.discard(entry);
  }

  #refused(entry: Pending, problem: Problem): void {
    const until = Date.now() + (problem.retryAfter ?? 0) * 1000;
    if (problem.code === "slow_mode") this.slowUntil.value = until;
    if (problem.code === "timed_out") this.mutedUntil.value = problem.retryAfter ? until : Infinity;
    this.#change(entry, { problem });
  }

  #change(entry: Pending, change: Partial<Pending>): void {
    this.pending.value = this.pending.value.map((other) => (other.key === entry.key ? { ...other, ...change } : other));
  }

  #seen(): number {
    this.#batch.flush();
    return this.#parts.realtime.seen(this.roomUid.value ?? "");
  }

  #clear(): void {
    this.lines.value = [];
    this.pending.value = [];
    this.viewers.value = null;
    this.joined.value = false;
    this.following.value = true;
    this.slowUntil.value = this.mutedUntil.value = 0;
    this.seen();
  }

  #hear(event: RealtimeEvent): void {
    switch (event.type) {
      case "frame":
        return this.#batch.add(event.frame);
      case "state":
        this.#batch.flush();
        this.state.value = event.state;
        break;
      case "joined":
        this.#batch.flush();
        if (event.ack.room !== this.roomUid.value) break;
        this.joined.value = true;
        if (event.ack.user) this.#learn(event.ack.user);
        break;
      case "refused":
        if (event.room === this.roomUid.value) this.barred.value = event.problem;
        break;
      case "token":
        this.#parts.tokens.update(event.token);
        if (event.token === null) {
          this.problem.value = event.reason;
          this.#becomeHolder(null);
        }
        break;
    }
  }

  #apply(frames: readonly ServerFrame[]): void {
    const room = this.roomUid.value ?? "";
    for (const frame of frames) this.#take(frame, room);
    this.lines.value = trim(applyFrames(this.lines.value, frames, room), this.following.value);
    const last = this.#parts.realtime.seen(room);
    if (this.pending.value.some((entry) => entry.seq !== undefined && entry.seq <= last)) {
      this.pending.value = this.pending.value.filter((entry) => entry.seq === undefined || entry.seq > last);
    }
  }

  #take(frame: ServerFrame, room: string): void {
    switch (frame.event) {
      case "auth_updated":
        this.me.value = frame.data.user;
        break;
      case "room_updated":
        if (frame.data.room.uid === room) this.room.value = frame.data.room;
        break;
      case "room_users":
        if (frame.data.room !== room) break;
        this.viewers.value = frame.data.count;
        for (const user of frame.data.users) this.#learn(user);
        break;
      case "presence":
        if (frame.data.room === room) this.viewers.value = frame.data.count;
        break;
      case "message":
        if (frame.data.room === room) this.#arrived(frame.data);
        break;
      case "user_updated":
        if (frame.data.user.uid === this.me.value?.uid) this.me.value = { ...frame.data.user, roles: this.me.value.roles };
        break;
      case "user_moderated":
        if (uidOf(frame.data.user) === this.me.value?.uid) this.#moderated(frame.data);
        break;
      case "reset":
        if (frame.data.room === room && frame.data.reason === "deleted") {
          this.#clear();
          this.barred.value = localProblem("room_deleted", "This room was deleted.").problem;
        }
        break;
      case "system":
        this.announcer.add(frame.data.text);
        break;
      case "error":
        this.problem.value = frame.data;
        break;
    }
  }

  /** The room knows more about our ranks than the login does. */
  #learn(user: User): void {
    const known = this.me.value;
    // A new object draws every line again, so it has to say something new.
    if (user.uid === known?.uid && JSON.stringify(user) !== JSON.stringify(known)) this.me.value = user;
  }

  #arrived(message: Message): void {
    this.#learn(message.user);
    this.onMessage(message);
    if (message.user.uid === this.me.value?.uid) return;
    this.announcer.add(`${message.user.displayName}: ${message.message}`);
    if (!this.following.value) this.fresh.value++;
    if (!this.following.value || document.hidden) this.unread.value++;
  }

  #moderated({ action, until }: Extract<ServerFrame, { event: "user_moderated" }>["data"]): void {
    const me = this.me.value;
    if (!me) return;
    if (action === "ban") {
      const room = this.roomUid.value;
      if (room !== null) this.#parts.realtime.leave(room);
      this.barred.value = localProblem("banned", "A moderator banned you from this room.").problem;
    }
    if (action === "timeout") this.mutedUntil.value = until ?? Infinity;
    if (action === "untimeout") this.mutedUntil.value = 0;
    if (action === "mod" || action === "vip") this.me.value = { ...me, roles: [...new Set([...me.roles, action])] };
    if (action === "unmod" || action === "unvip") {
      this.me.value = { ...me, roles: me.roles.filter((role) => role !== action.slice(2)) };
    }
  }
}
