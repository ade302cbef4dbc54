/**
 * One room as a page shows it: its messages in order, what was deleted gone, and one's own messages from the
 * moment they are written. A message on its way stands in `pending` under its nonce until the server's copy is
 * here or the server refuses it; it is never in both lists. Knows no page: whoever draws calls `listen`.
 */
import { problemOf } from "./problem.js";
import { type Message, type Problem, type Room, type SendAck, type ServerFrame, uidOf, type User } from "./protocol.js";
import type { Realtime, RealtimeEvent } from "./realtime.js";

/** A message of one's own that is not in the room yet. */
export interface Pending {
  readonly nonce: string;
  readonly text: string;
  readonly replyTo?: number;
  /** Why the server does not take it; absent while it is on its way. */
  readonly problem?: Problem;
}

/** `id` is the message that it became; one that came before the answer is only `guessed`, by author and text. */
interface Entry extends Pending { id?: number; seq?: number; guessed?: number }

/** Which messages a removal leaves. */
type Stays = (message: Message) => boolean;

export class Transcript {
  readonly room: string;
  /** How many messages are kept; the oldest go first. Raise it while somebody reads far above. */
  limit: number;
  /** The room's settings, null until they are known. */
  settings: Room | null = null;
  /** Who the server takes us for here, with the ranks of this room. */
  me: User | null = null;
  /** How many look on, and who of them is logged in (as of the last joining). */
  viewers = 0;
  users: readonly User[] = [];
  /** Why the room does not let us in; null while it does. */
  refused: Problem | null = null;
  /** True from the first snapshot on. */
  joined = false;
  readonly #realtime: Realtime;
  readonly #listeners = new Set<() => void>();
  readonly #stop: () => void;
  /** For each page of history under way, what was taken away since it was asked for. */
  readonly #removals = new Set<Stays[]>();
  #messages: readonly Message[] = [];
  #entries: readonly Entry[] = [];

  /** Joins the room; `close` leaves it. */
  constructor(realtime: Realtime, room: string, { limit = 500 }: { limit?: number } = {}) {
    this.#realtime = realtime;
    this.room = room;
    this.limit = limit;
    this.#stop = realtime.listen((event) => this.#hear(event));
    realtime.join(room);
  }

  /** In the order of seq. A change makes a new list, so lists can be compared and kept. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  get pending(): readonly Pending[] {
    return this.#entries.filter(({ guessed }) => guessed === undefined);
  }

  /** Hears that something changed, once for each frame: draw at most once a frame of the screen. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  send(text: string, replyTo?: number): Promise<SendAck> {
    return this.#send({ nonce: this.#realtime.nonce(), text, ...(replyTo === undefined ? {} : { replyTo }) });
  }

  /** Sends a failed message again. It cannot be doubled: its nonce is the same. */
  retry(nonce: string): void {
    const entry = this.#entries.find((other) => other.nonce === nonce);
    if (entry?.problem) this.#send(entry).catch(() => {});
  }

  /** Forgets a message that failed. */
  discard(nonce: string): void {
    this.#entries = this.#entries.filter((entry) => entry.nonce !== nonce);
    this.#changed();
  }

  /** Puts a page of older history (from `Rest.messages`) in its place; what is deleted while it is under way stays away. */
  async older(page: Promise<readonly Message[]>): Promise<void> {
    const removals: Stays[] = [];
    this.#removals.add(removals);
    try {
      for (const message of await page) if (removals.every((stays) => stays(message))) this.#place(message);
      this.#changed();
    } finally {
      this.#removals.delete(removals);
    }
  }

  close(): void {
    this.#stop();
    this.#realtime.leave(this.room);
  }

  #send({ nonce, text, replyTo }: Pending): Promise<SendAck> {
    const entry: Entry = { nonce, text, ...(replyTo === undefined ? {} : { replyTo }) };
    this.#entries = [...this.#entries.filter((other) => other.nonce !== nonce), entry];
    this.#changed();
    const sent = this.#realtime.send(this.room, text, replyTo, nonce);
    sent.then(
      (ack) => this.#settle(nonce, "id" in ack ? { id: ack.id, seq: ack.seq } : { id: 0, seq: 0 }),
      (error: unknown) => this.#settle(nonce, { problem: problemOf(error) }),
    );
    return sent;
  }

  /** The server answered: the guess, right or wrong, is not needed any more. */
  #settle(nonce: string, answer: Partial<Entry>): void {
    this.#entries = this.#entries.map((entry) => {
      if (entry.nonce !== nonce) return entry;
      const { guessed: _, ...known } = entry;
      return { ...known, ...answer };
    });
    this.#arrived();
    this.#changed();
  }

  /** What is in the room, or was and is gone again, is not pending. */
  #arrived(): void {
    const seen = this.#realtime.seen(this.room);
    if (this.#entries.some(({ seq }) => seq !== undefined && seq <= seen)) {
      this.#entries = this.#entries.filter(({ seq }) => seq === undefined || seq > seen);
    }
  }

  #hear(event: RealtimeEvent): void {
    if (event.type === "frame") this.#take(event.frame);
    else if (event.type === "joined" && event.ack.room === this.room) {
      this.joined = true;
      this.refused = null;
      if (event.ack.user !== undefined) this.me = event.ack.user;
    } else if (event.type === "refused" && event.room === this.room) this.refused = event.problem;
    else return;
    this.#arrived();
    this.#changed();
  }

  #take(frame: ServerFrame): void {
    if (frame.event === "auth_updated") this.me = frame.data.user;
    if (frame.event === "user_updated") return this.#renamed(frame.data.user);
    if (frame.event === "room_updated" && frame.data.room.uid === this.room) this.settings = frame.data.room;
    const { data } = frame;
    if (typeof data !== "object" || data === null || !("room" in data) || data.room !== this.room) return;
    switch (frame.event) {
      case "message":
        return this.#place(frame.data, true);
      case "room_messages":
        for (const message of frame.data.messages) this.#place(message);
        return;
      case "message_deleted":
        return this.#keep(({ id }) => !frame.data.ids.includes(id));
      case "room_purged": {
        const author = frame.data.user ? uidOf(frame.data.user) : null;
        return this.#keep(({ seq, user }) => seq >= frame.data.seq || (author !== null && user.uid !== author));
      }
      case "reset":
        if (frame.data.reason === "deleted") this.refused = { status: 404, code: "room_deleted", detail: "This room was deleted." };
        return this.#keep(() => false);
      case "room_users":
        this.users = frame.data.users;
        this.viewers = frame.data.count;
        return;
      case "user_moderated":
        if (frame.data.action === "ban" && uidOf(frame.data.user) === this.me?.uid) {
          this.refused = { status: 403, code: "banned", detail: "A moderator banned you from this room." };
        }
        return;
      case "presence":
        this.viewers = frame.data.count;
        return;
    }
  }

  #place(message: Message, live = false): void {
    const { id, seq, user } = message;
    let at = this.#messages.length;
    while (at > 0 && this.#messages[at - 1]!.seq > seq) at--;
    const known = this.#messages[at - 1]?.id === id;
    const next = [...this.#messages.slice(0, known ? at - 1 : at), message, ...this.#messages.slice(at)];
    this.#messages = live && next.length > this.limit ? next.slice(-this.limit) : next;
    if (known || user.uid !== this.me?.uid) return;
    // Our own message may come before its acknowledgement: until that says which it is, the oldest with this text is meant.
    const text = message.message;
    const meant = this.#entries.find((entry) => entry.id === undefined && entry.guessed === undefined && !entry.problem && entry.text.trim() === text);
    if (meant) this.#entries = this.#entries.map((entry) => (entry === meant ? { ...entry, guessed: id } : entry));
  }

  #keep(stays: Stays): void {
    for (const removals of this.#removals) removals.push(stays);
    this.#messages = this.#messages.filter(stays);
  }

  #renamed(user: User): void {
    if (!this.#messages.some((message) => message.user.uid === user.uid)) return;
    this.#messages = this.#messages.map((message) =>
      message.user.uid === user.uid ? { ...message, user: { ...user, roles: message.user.roles } } : message);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
