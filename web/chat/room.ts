/**
 * The room that this window shows: the SDK's room state as a signal, driven by frames in batches, with what only a
 * window has – the lines in view, and what a screen reader is told. A window stays in one room for its life.
 */
import { computed, signal } from "@preact/signals";
import { localProblem, type Message, type Problem, type Realtime, type RealtimeEvent, type SendAck, type ServerFrame, type State, uidOf, type User } from "../sdk/src";
import { applyFrame, bannedFromRoom, deletedRoom, emptyRoom, joined, pendingOf, type RoomState, seenUpTo } from "../sdk/src/room";
import { Announcer } from "./announcer";
import { Batch } from "./batch";
import { t } from "./i18n";
import { nameFinder } from "./rich";
import { tailMax, Viewport } from "./viewport";

export class RoomStore {
  readonly viewport = new Viewport();
  readonly announcer = new Announcer();
  readonly uid = signal<string | null>(null);
  readonly connection = signal<State>({ name: "idle" });

  readonly #state = signal<RoomState>(emptyRoom(""));
  readonly settings = computed(() => this.#state.value.settings);
  readonly me = computed(() => this.#state.value.me);
  readonly viewers = computed(() => this.#state.value.viewers);
  readonly users = computed(() => this.#state.value.users);
  readonly joined = computed(() => this.#state.value.joined);
  /** Why there is no chat here at all: banned, deleted, no such room. */
  readonly refused = computed(() => translated(this.#state.value.refused));
  readonly slowUntil = computed(() => this.#state.value.slowUntil);
  readonly mutedUntil = computed(() => this.#state.value.mutedUntil);
  readonly #outgoing = computed(() => this.#state.value.outgoing);
  readonly pending = computed(() => { void this.#outgoing.value; return pendingOf(this.#state.peek()); });
  /** Finds our own name in a text. */
  readonly myName = computed(() => nameFinder(this.me.value?.displayName));

  /** Called with every batch of frames: for parts that keep something of their own. */
  readonly frameListeners = new Set<(frames: readonly ServerFrame[], room: string) => void>();
  /** Called for each message that arrives live. */
  onMessage: (message: Message) => void = () => {};
  /** Called when what is in the room is forgotten, to come whole again. */
  onClear: () => void = () => {};
  /** Called with what the server refuses outside of any request. */
  onProblem: (problem: Problem) => void = () => {};

  readonly #realtime: Realtime;
  readonly #batch = new Batch<ServerFrame>((frames, mayWait) => this.#apply(frames, mayWait));

  constructor(realtime: Realtime) {
    this.#realtime = realtime;
    realtime.listen((event) => this.#onEvent(event));
  }

  enter(uid: string | null): void {
    this.uid.value = uid;
    this.#state.value = { ...emptyRoom(uid ?? ""), me: this.me.peek() };
    this.#clear();
    this.#connect();
  }

  /** Tries again what was given up: a connection that ended, or a room that did not let us in. */
  retry(): void {
    // What was missed while we were kept out is not known: the room comes whole.
    if (this.refused.peek()) this.#clear();
    this.#connect();
  }

  /** Somebody else is logged in, or nobody; `user` is absent while it is not known who. */
  setIdentity(token: string | null, user?: User | null): void {
    this.update((state) => ({ ...state, slowUntil: 0, mutedUntil: 0, me: user === undefined ? state.me : user }));
    this.#realtime.setToken(token);
    if (this.refused.peek()) this.retry();
    else this.#checkReading();
  }

  /** A room for members has let go of everybody else: joining again says so. */
  #checkReading(): void {
    const { settings, me } = this.#state.peek();
    if (settings?.rules.read === "members" && !me?.roles.some((role) => role !== "guest")) this.#connect();
  }

  nonce(): string {
    return this.#realtime.nonce();
  }

  /** Posts a text, or runs a command: resolves when the server has it. */
  post(text: string, replyTo: number | undefined, nonce: string): Promise<SendAck> {
    return this.#realtime.send(this.uid.peek() ?? "", text, replyTo, nonce);
  }

  /** Takes a step from the present state. */
  update(step: (state: RoomState) => RoomState): void {
    this.#state.value = step(this.#state.peek());
  }

  #connect(): void {
    const uid = this.uid.peek();
    if (uid !== null) this.#realtime.join(uid);
    this.#realtime.connect();
  }

  #clear(): void {
    this.viewport.clear(this.uid.peek() ?? "");
    this.update(({ uid, settings, me, outgoing }) => ({ ...emptyRoom(uid), settings, me, outgoing }));
    this.onClear();
  }

  #onEvent(event: RealtimeEvent): void {
    switch (event.type) {
      case "frame":
        return this.#batch.add(event.frame);
      case "state":
        this.#batch.flush();
        this.connection.value = event.state;
        break;
      case "joined": {
        this.#batch.flush();
        const { room, user } = event.ack;
        // Another user's answer may still be under way when the login changes.
        if (room === this.uid.peek()) this.update((state) => joined(state, user?.uid === state.me?.uid ? user : undefined));
        break;
      }
      case "refused":
        if (event.room === this.uid.peek()) this.update((state) => ({ ...state, refused: event.problem }));
        break;
    }
  }

  #apply(frames: readonly ServerFrame[], mayWait: boolean): boolean {
    const room = this.uid.peek() ?? "";
    const next = frames.reduce((state, frame) => applyFrame(state, frame, tailMax), this.#state.peek());
    if (!this.viewport.apply(frames, mayWait, next.timeline.slice(-tailMax))) return false;
    this.#state.value = seenUpTo(next, this.#realtime.seen(room));
    for (const frame of frames) this.#react(frame, room);
    for (const listener of this.frameListeners) listener(frames, room);
    return true;
  }

  /** What a frame does beyond the state: it is told, counted, or answered. */
  #react(frame: ServerFrame, room: string): void {
    switch (frame.event) {
      case "message":
        if (frame.data.room === room) this.#onArrival(frame.data);
        break;
      case "room_updated":
        this.#checkReading();
        break;
      case "user_moderated": {
        const { action, user } = frame.data;
        if (uidOf(user) !== this.me.peek()?.uid || ![null, room].includes(frame.data.room)) break;
        if (action === "ban") this.#realtime.leave(room);
        if (action === "unban" && this.refused.peek()) this.retry();
        if (action === "timeout") this.announcer.interrupt(t("youTimedOut"));
        break;
      }
      case "system":
        this.announcer.add(frame.data.text);
        break;
      case "error":
        this.onProblem(frame.data);
        break;
    }
  }

  #onArrival(message: Message): void {
    this.onMessage(message);
    if (message.user.uid === this.me.peek()?.uid) return;
    const values = { name: message.user.displayName, text: message.message };
    if (this.myName.peek()?.test(message.message)) this.announcer.interrupt(t("mentionedYou", values));
    else this.announcer.add(t("says", values));
    this.viewport.count();
  }
}

/** What the SDK says of itself, in the reader's language. */
function translated(problem: Problem | null): Problem | null {
  if (problem === bannedFromRoom) return localProblem(problem.code, t("youBanned")).problem;
  if (problem === deletedRoom) return localProblem(problem.code, t("roomDeleted")).problem;
  return problem;
}
