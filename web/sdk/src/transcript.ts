/**
 * One room as a page shows it: its messages in order, what was deleted gone, and one's own messages from the
 * moment they are written. A message on its way stands in `pending` under its nonce until the server's copy is
 * here or the server refuses it; it is never in both lists. Knows no page: whoever draws calls `listen`.
 */
import { accepted, discarded, rejected, sending } from "./pending.js";
import { problemOf } from "./problem.js";
import type { Message, Problem, Room, SendAck, ServerFrame, User } from "./protocol.js";
import type { Realtime, RealtimeEvent } from "./realtime.js";
import { applyFrame, emptyRoom, joined, type Pending, pendingOf, type RoomState, seenUpTo } from "./room.js";
import { applyToTimeline, messageItems, messagesOf } from "./timeline.js";

export class Transcript {
  readonly room: string;
  /** How many lines (messages and notices) are kept; the oldest go first. Raise it while somebody reads far above. */
  limit: number;
  readonly #realtime: Realtime;
  readonly #listeners = new Set<() => void>();
  readonly #stop: () => void;
  /** For each page of history under way, what came since it was asked for. */
  readonly #pages = new Set<ServerFrame[]>();
  #state: RoomState;
  #messages: readonly Message[] = [];

  /** Joins the room; `close` leaves it. */
  constructor(realtime: Realtime, room: string, { limit = 500 }: { limit?: number } = {}) {
    this.#realtime = realtime;
    this.room = room;
    this.limit = limit;
    this.#state = emptyRoom(room);
    this.#stop = realtime.listen((event) => this.#onEvent(event));
    realtime.join(room);
  }

  /** In the order of seq. A change makes a new list, so lists can be compared and kept. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  get pending(): readonly Pending[] {
    return pendingOf(this.#state);
  }

  /** The room's settings, null until they are known. */
  get settings(): Room | null {
    return this.#state.settings;
  }

  /** Who the server takes us for here, with the ranks of this room. */
  get me(): User | null {
    return this.#state.me;
  }

  /** How many look on, and who of them is logged in (as of the last joining). */
  get viewers(): number {
    return this.#state.viewers ?? 0;
  }

  get users(): readonly User[] {
    return this.#state.users;
  }

  /** Why the room does not let us in; null while it does. */
  get refused(): Problem | null {
    return this.#state.refused;
  }

  /** True from the first snapshot on. */
  get joined(): boolean {
    return this.#state.joined;
  }

  /** Hears that something changed, once for each frame: draw at most once a frame of the screen. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  send(text: string, replyTo?: number): Promise<SendAck> {
    return this.#send({ nonce: this.#realtime.nonce(), text, replyTo });
  }

  /** Sends a failed message again. It cannot be doubled: its nonce is the same. */
  retry(nonce: string): void {
    const entry = this.pending.find((other) => other.nonce === nonce);
    if (entry?.problem) this.#send(entry).catch(() => {});
  }

  /** Forgets a message that failed. */
  discard(nonce: string): void {
    this.#set(discarded(this.#state, nonce));
  }

  /** Puts a page of older history (from `Rest.messages`) in its place; what is deleted while it is under way stays away. */
  async older(page: Promise<readonly Message[]>): Promise<void> {
    const { room } = this;
    const frames: ServerFrame[] = [];
    this.#pages.add(frames);
    try {
      const messages = messagesOf(applyToTimeline(messageItems(await page), frames, room));
      this.#set(applyFrame(this.#state, { event: "room_messages", data: { room, messages, head: 0, epoch: 0 } }, this.limit));
    } finally {
      this.#pages.delete(frames);
    }
  }

  close(): void {
    this.#stop();
    this.#realtime.leave(this.room);
  }

  #send(message: Pending): Promise<SendAck> {
    const { nonce, text, replyTo } = message;
    this.#set(sending(this.#state, message));
    const sent = this.#realtime.send(this.room, text, replyTo, nonce);
    sent.then(
      (ack) => this.#set(accepted(this.#state, nonce, ack, Date.now())),
      (error: unknown) => this.#set(rejected(this.#state, nonce, problemOf(error), Date.now())),
    );
    return sent;
  }

  #onEvent(event: RealtimeEvent): void {
    let state = this.#state;
    if (event.type === "frame") {
      for (const frames of this.#pages) frames.push(event.frame);
      state = applyFrame(state, event.frame, this.limit);
    } else if (event.type === "joined" && event.ack.room === this.room) state = joined(state, event.ack.user);
    else if (event.type === "refused" && event.room === this.room) state = { ...state, refused: event.problem };
    else return;
    this.#set(seenUpTo(state, this.#realtime.seen(this.room)));
  }

  #set(state: RoomState): void {
    if (state.timeline !== this.#state.timeline) this.#messages = messagesOf(state.timeline);
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}
