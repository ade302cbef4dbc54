/**
 * The state of one chat window and all that may be done to it. Frames come in batches and change signals;
 * components read signals and call methods. Knows the SDK, never the page.
 */
import { computed, effect, signal } from "@preact/signals";
import {
  type Capability, localProblem, type Message, type Problem, problemOf, type Realtime, type RealtimeEvent, type Rest, type Room, type SendAck,
  type ServerFrame, type Session, type State, uidOf, type User,
} from "../sdk/src";
import type { TokenStore } from "../shared/session";
import { Announcer } from "./announcer";
import { Batch } from "./batch";
import { t } from "./i18n";
import { Outgoing } from "./outgoing";
import { isModerator } from "./ranks";
import { Reading } from "./reading";
import { nameFinder } from "./rich";
import { goneBy } from "./transcript";

/** The REST client is not needed to read the first line: it may come later. */
export interface ChatParts { rest: Rest | Promise<Rest>; realtime: Realtime; tokens: TokenStore }

export class ChatStore {
  /** There as soon as `ready` is. */
  rest!: Rest;
  readonly ready: Promise<void>;
  readonly reading = new Reading();
  readonly outgoing = new Outgoing();
  readonly announcer = new Announcer();

  readonly state = signal<State>({ name: "idle" });
  readonly signedIn = signal(false);
  readonly me = signal<User | null>(null);
  readonly room = signal<Room | null>(null);
  readonly roomUid = signal<string | null>(null);
  /** True from the first snapshot on. */
  readonly joined = signal(false);
  /** Why there is no chat here at all: banned, deleted, no such room. */
  readonly refused = signal<Problem | null>(null);
  readonly viewers = signal<number | null>(null);
  /** Who is logged in here, as far as the server told when we came. */
  readonly users = signal<readonly User[]>([]);
  readonly problem = signal<Problem | null>(null);
  readonly moderates = computed(() => isModerator(this.me.value));
  /** What the server lets us do here beyond writing; it is asked when our rank says that there is something. */
  readonly powers = signal<ReadonlySet<Capability>>(new Set());
  /** Finds our own name in a text. */
  readonly myName = computed(() => nameFinder(this.me.value?.displayName));
  /** Pictures for words, by the host page's wish. */
  readonly emotes = signal<ReadonlyMap<string, string> | null>(null);
  /** The line that is pointed at or walked to, by its key. */
  readonly active = signal<string | null>(null);
  /** The message whose menu is open. */
  readonly acting = signal<Message | null>(null);
  /** Hear of every batch of frames: parts that keep something of their own. */
  readonly frameListeners = new Set<(frames: readonly ServerFrame[], room: string) => void>();
  /** Called for each message that arrives live. */
  onMessage: (message: Message) => void = () => {};
  /** Called when the reader asks to be signed in. */
  onLoginRequested: () => void = () => {};

  readonly #parts: ChatParts;
  /** Changes when what we may do can have changed; null while that is nothing. */
  readonly #rank = computed(() => (this.joined.value && this.moderates.value ? `${this.me.value?.uid} ${this.me.value?.roles.join()}` : null));
  readonly #batch = new Batch<ServerFrame>((frames, mayWait) => this.#apply(frames, mayWait));

  constructor(parts: ChatParts) {
    this.#parts = parts;
    this.ready = Promise.resolve(parts.rest).then((rest) => { this.rest = rest; });
    this.signedIn.value = parts.tokens.token !== null;
    parts.realtime.listen((event) => this.#hear(event));
    parts.tokens.watch((token) => this.#becomeHolder(token));
    effect(() => void this.#learnPowers(this.#rank.value));
  }

  /** Enters the room; a window stays in one room for its life. */
  async start(room: string | null, asGuest: boolean): Promise<void> {
    this.roomUid.value = room;
    this.#clear();
    if (room !== null) this.#parts.realtime.join(room);
    this.#parts.realtime.connect();
    if (asGuest && !this.signedIn.value) await this.signIn((rest) => rest.loginAsGuest()).catch(() => {});
  }

  /** Tries again what was given up: a connection that ended, or a room that did not let us in. */
  retry(): void {
    const room = this.roomUid.value;
    // What was missed behind the door is not known: the room comes whole.
    if (this.refused.value) this.#clear();
    this.refused.value = null;
    if (room !== null) this.#parts.realtime.join(room);
    this.#parts.realtime.connect();
  }

  /** Signs in by whatever `ask` asks of the server; a refusal is shown and thrown. */
  async signIn(ask: (rest: Rest) => Promise<Session>): Promise<void> {
    try {
      await this.ready;
      const { user, token } = await ask(this.rest);
      this.#parts.tokens.keep(token);
      this.me.value = user;
      this.problem.value = null;
      this.#becomeHolder(token);
    } catch (error) {
      this.problem.value = problemOf(error);
      throw error;
    }
  }

  /** Keeps a token that a window of our own got for us. */
  keep(token: string): void {
    this.#parts.tokens.keep(token);
    this.#becomeHolder(token);
  }

  /** The token of whoever is signed in, to be handed to another window of our own. */
  get token(): string | null {
    return this.#parts.tokens.token;
  }

  /** Ends the session everywhere. */
  signOut(): void {
    this.rest.logout().catch(() => {});
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

  /** Posts a text, or runs a command: resolves when the server has it. */
  post(room: string, text: string, replyTo?: number): Promise<SendAck> {
    return this.#parts.realtime.send(room, text, replyTo);
  }

  /** Waits for a request; its refusal is shown, and what was gone already counts as done. */
  async ask(request: Promise<unknown>): Promise<boolean> {
    try {
      await request;
      this.problem.value = null;
      return true;
    } catch (error) {
      const problem = problemOf(error);
      if (problem.status === 404) return true;
      this.problem.value = problem;
      return false;
    }
  }

  async #learnPowers(rank: string | null): Promise<void> {
    const room = this.roomUid.peek();
    await this.ready;
    const answer = rank && room ? await this.rest.capabilities(room).catch(() => null) : null;
    if (rank === this.#rank.peek() && (!rank || answer)) this.powers.value = new Set(answer?.capabilities);
  }

  #becomeHolder(token: string | null): void {
    this.signedIn.value = token !== null;
    if (token === null) this.me.value = null;
    this.outgoing.free();
    this.#parts.realtime.setToken(token);
    if (this.refused.peek()) this.retry();
  }

  #clear(): void {
    this.reading.clear(this.roomUid.value ?? "");
    this.viewers.value = null;
    this.users.value = [];
    this.joined.value = false;
    this.active.value = this.acting.value = null;
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
        this.refused.value = null;
        if (event.ack.user) this.#learn(event.ack.user);
        break;
      case "refused":
        if (event.room === this.roomUid.value) this.refused.value = event.problem;
        break;
      case "token":
        // A typed `/logout` is of this window alone.
        if (event.token === null && !event.reason) this.#parts.tokens.borrow(null);
        else this.#parts.tokens.update(event.token);
        if (event.token === null) {
          this.problem.value = event.reason;
          this.#becomeHolder(null);
        } else this.signedIn.value = true;
        break;
    }
  }

  #apply(frames: readonly ServerFrame[], mayWait: boolean): boolean {
    const room = this.roomUid.value ?? "";
    if (!this.reading.apply(frames, mayWait)) return false;
    for (const frame of frames) this.#take(frame, room);
    for (const listener of this.frameListeners) listener(frames, room);
    this.outgoing.arrived(this.#parts.realtime.seen(room));
    return true;
  }

  #take(frame: ServerFrame, room: string): void {
    switch (frame.event) {
      case "auth_updated":
        this.me.value = frame.data.user;
        break;
      case "room_updated":
        if (frame.data.room.uid !== room) break;
        this.room.value = frame.data.room;
        if (frame.data.room.slowMode === 0) this.outgoing.slowUntil.value = 0;
        break;
      case "room_users":
        if (frame.data.room !== room) break;
        this.viewers.value = frame.data.count;
        this.users.value = frame.data.users;
        for (const user of frame.data.users) this.#learn(user);
        break;
      case "presence":
        if (frame.data.room === room) this.viewers.value = frame.data.count;
        break;
      case "message":
        if (frame.data.room === room) this.#arrived(frame.data);
        break;
      case "message_deleted":
      case "room_purged": {
        const pinned = this.room.value?.pinned;
        if (pinned && goneBy(frame, room)?.(pinned)) this.room.value = { ...this.room.value!, pinned: null };
        break;
      }
      case "user_updated":
        if (frame.data.user.uid === this.me.value?.uid) this.me.value = { ...frame.data.user, roles: this.me.value.roles };
        break;
      case "user_moderated":
        if (uidOf(frame.data.user) === this.me.value?.uid && [null, room].includes(frame.data.room)) this.#moderated(frame.data);
        break;
      case "reset":
        if (frame.data.room === room && frame.data.reason === "deleted") {
          this.refused.value = localProblem("room_deleted", t("roomDeleted")).problem;
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
    const me = this.me.value;
    if (message.user.uid === me?.uid) return;
    const said = { name: message.user.displayName, text: message.message };
    if (this.myName.value?.test(message.message)) this.announcer.interrupt(t("mentionedYou", said));
    else this.announcer.add(t("says", said));
    this.reading.count();
  }

  #moderated({ action, until }: Extract<ServerFrame, { event: "user_moderated" }>["data"]): void {
    const me = this.me.value;
    if (!me) return;
    if (action === "ban") {
      const room = this.roomUid.value;
      if (room !== null) this.#parts.realtime.leave(room);
      this.refused.value = localProblem("banned", t("youBanned")).problem;
    }
    if (action === "unban" && this.refused.value) this.retry();
    if (action === "timeout") {
      this.outgoing.mutedUntil.value = until ?? Infinity;
      this.announcer.interrupt(t("youTimedOut"));
    }
    if (action === "untimeout") this.outgoing.mutedUntil.value = 0;
    if (action === "mod" || action === "vip") this.me.value = { ...me, roles: [...new Set([...me.roles, action])] };
    if (action === "unmod" || action === "unvip") {
      this.me.value = { ...me, roles: me.roles.filter((role) => role !== action.slice(2)) };
    }
  }
}
