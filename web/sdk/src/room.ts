/**
 * All that a client knows of one room, as a value, and pure steps from one to the next: its settings, its lines, who we are in it, what
 * moderators did to us, and our own messages until they are there (pending.ts). Drivers (`Transcript`, the chat window)
 * feed it frames and answers in the order they come.
 */
import { type Message, type Problem, type Role, type Room, type ServerFrame, uidOf, type User } from "./protocol.js";
import { applyToTimeline, removedBy, roomOf, type TimelineItem } from "./timeline.js";

/** A message of one's own that is not in the room yet. */
export interface Pending {
  readonly nonce: string;
  readonly text: string;
  readonly replyTo?: number | undefined;
  /** Why the server does not take it; absent while it is on its way. */
  readonly problem?: Problem;
  /** When a refused one may be sent again (ms since 1970); 0 when the server named no time. */
  readonly retryAt?: number;
}

/** `id` and `seq` are the server's answer. A message that came before the answer is only `guessed`, by author and text. */
export interface Outgoing extends Pending { readonly id?: number; readonly seq?: number; readonly guessed?: number | undefined }

export interface RoomState {
  readonly uid: string;
  /** Null until they are known. */
  readonly settings: Room | null;
  /** Who the server takes us for here, with the ranks of this room. */
  readonly me: User | null;
  /** How many watch; null until it is known. */
  readonly viewers: number | null;
  /** Who of them is logged in, as of the last joining. */
  readonly users: readonly User[];
  /** True from the first snapshot on. */
  readonly joined: boolean;
  /** Why the room does not let us in; null while it does. */
  readonly refused: Problem | null;
  /** When slow mode, or a timeout, lets us write again (ms since 1970; Infinity: no end is known; 0: now). */
  readonly slowUntil: number;
  readonly mutedUntil: number;
  readonly timeline: readonly TimelineItem[];
  readonly outgoing: readonly Outgoing[];
  /** The highest seq that is covered. */
  readonly seen: number;
}

export const bannedFromRoom: Problem = { status: 403, code: "banned", detail: "You are banned from this room." };
export const deletedRoom: Problem = { status: 404, code: "room_deleted", detail: "This room was deleted." };

export function emptyRoom(uid: string): RoomState {
  return {
    uid, settings: null, me: null, viewers: null, users: [], joined: false, refused: null, slowUntil: 0, mutedUntil: 0, timeline: [], outgoing: [], seen: 0,
  };
}

/** Our messages that are not in the room yet. One that is taken to be there, before the server says so, is not among them. */
export function pendingOf({ outgoing }: RoomState): readonly Pending[] {
  return outgoing.filter(({ guessed }) => !guessed);
}

export function isModerator(user: User | null): boolean {
  return /mod|owner|admin|root/.test(String(user?.roles));
}

/** The server let us in; `user` is undefined where it does not say who we are. */
export function joined(state: RoomState, user: User | null | undefined): RoomState {
  return { ...state, joined: true, refused: null, me: user === undefined ? state.me : same(state.me, user) };
}

/** The realtime client has seen everything up to this seq: what is in the room, or was and is gone again, is not pending. */
export function seenUpTo(state: RoomState, seen: number): RoomState {
  const waits = ({ seq }: Outgoing) => seq === undefined || seq > seen;
  return { ...state, seen, outgoing: state.outgoing.every(waits) ? state.outgoing : state.outgoing.filter(waits) };
}

type Draft = { -readonly [K in keyof RoomState]: RoomState[K] };

/** The room after a frame. Keeps at most `limit` lines when new ones come; the oldest go first. */
export function applyFrame(state: RoomState, frame: ServerFrame, limit: number): RoomState {
  const room: Draft = { ...state };
  const { uid, me, settings } = state;
  room.timeline = applyToTimeline(state.timeline, [frame], uid);
  const here = roomOf(frame) === uid;
  switch (frame.event) {
    case "auth_updated":
      room.me = frame.data.user;
      break;
    case "user_updated":
      if (frame.data.user.uid === me?.uid) room.me = { ...frame.data.user, roles: me.roles };
      break;
    case "room_updated":
      if (frame.data.room.uid !== uid) break;
      room.settings = frame.data.room;
      if (frame.data.room.slowMode === 0) room.slowUntil = 0;
      break;
    case "user_moderated":
      if (me?.uid === uidOf(frame.data.user) && (here || frame.data.room === null)) moderate(room, me, frame.data);
      break;
    case "message_deleted":
    case "room_purged":
      if (settings?.pinned && removedBy(frame, uid)?.(settings.pinned)) room.settings = { ...settings, pinned: null };
      break;
  }
  if (!here) return room;
  switch (frame.event) {
    case "message":
      room.timeline = room.timeline.slice(-limit);
      room.me = known(me, [frame.data.user]);
      room.outgoing = guess(state, [frame.data]);
      break;
    case "room_messages":
      room.outgoing = guess(state, frame.data.messages);
      break;
    case "room_users":
      room.users = frame.data.users;
      room.viewers = frame.data.count;
      room.me = known(me, frame.data.users);
      break;
    case "presence":
      room.viewers = frame.data.count;
      break;
    case "reset":
      if (frame.data.reason === "deleted") room.refused = deletedRoom;
  }
  return room;
}

/** What the moderators did to us. */
function moderate(room: Draft, me: User, { action, until }: Extract<ServerFrame, { event: "user_moderated" }>["data"]): void {
  if (action === "ban") room.refused = bannedFromRoom;
  if (action === "timeout") room.mutedUntil = until ?? Infinity;
  if (action === "untimeout") room.mutedUntil = 0;
  if (/mod|vip/.test(action)) {
    const others = me.roles.filter((role) => !action.endsWith(role));
    room.me = { ...me, roles: /^un/.test(action) ? others : [...others, action as Role] };
  }
}

/** Our own message may come before its acknowledgement: until that says which it is, the oldest with this text is meant. */
function guess({ me, timeline, outgoing }: RoomState, messages: readonly Message[]): readonly Outgoing[] {
  for (const { id, user, message } of messages) {
    if (user.uid !== me?.uid || timeline.some(({ key }) => key === String(id))) continue;
    const meant = outgoing.find((entry) => !entry.id && !entry.guessed && !entry.problem && entry.text.trim() === message);
    if (meant) outgoing = outgoing.map((entry) => (entry === meant ? { ...entry, guessed: id } : entry));
  }
  return outgoing;
}

/** The room knows more about our ranks than the login does. */
function known(me: User | null, users: readonly User[]): User | null {
  return same(me, users.find(({ uid }) => uid === me?.uid) ?? me);
}

/** What says nothing new stays the same object, and need not be drawn again. */
function same(known: User | null, user: User | null): User | null {
  return JSON.stringify(user) === JSON.stringify(known) ? known : user;
}
