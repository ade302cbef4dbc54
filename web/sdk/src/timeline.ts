/**
 * The lines of a room as a value: frames go in, a new list comes out. Every line stands at its seq, whatever
 * the order of arrival; what was deleted or purged leaves at once.
 */
import { type Message, type ModerationAction, type ServerFrame, uidOf, type User } from "./protocol.js";

export type TimelineItem =
  | { readonly kind: "message"; readonly key: string; readonly seq: number; readonly message: Message }
  /** `name` is null where neither the event nor a message in the list tells it. */
  | { readonly kind: "moderation"; readonly key: string; readonly seq: number; readonly action: ModerationAction; readonly name: string | null }
  | { readonly kind: "system"; readonly key: string; readonly seq: number; readonly text: string };

let systemKeys = 0;

/** The list after a batch of frames. Frames that change no line leave the list as it is. */
export function applyToTimeline(items: readonly TimelineItem[], frames: readonly ServerFrame[], room: string): readonly TimelineItem[] {
  return frames.reduce((list, frame) => applyFrame(list, frame, room), items);
}

function applyFrame(items: readonly TimelineItem[], frame: ServerFrame, room: string): readonly TimelineItem[] {
  const gone = removedBy(frame, room);
  if (gone) return items.filter((item) => item.kind !== "message" || !gone(item.message));
  const here = roomOf(frame) === room;
  switch (frame.event) {
    case "reset":
      return here ? [] : items;
    case "room_messages":
      return here ? messageItems(frame.data.messages).reduce(place, items) : items;
    case "message":
      return here ? messageItems([frame.data]).reduce(place, items) : items;
    case "user_updated":
      return items.map((item) => renamed(item, frame.data.user));
    case "user_moderated": {
      const { seq, action, user } = frame.data;
      if (!here && frame.data.room !== null) return items;
      const author = typeof user === "string" ? authorOf(items, user) : user;
      return place(items, { kind: "moderation", key: `m${seq}`, seq, action, name: author?.displayName ?? null });
    }
    case "system":
      return [...items, { kind: "system", key: `s${++systemKeys}`, seq: items.at(-1)?.seq ?? 0, text: frame.data.text }];
  }
  return items;
}

/** The room that a frame is about; undefined where it is about none, or carries the whole room. */
export function roomOf(frame: ServerFrame): unknown {
  return (frame.data as { room?: unknown } | undefined)?.room;
}

/** Messages of the history as lines, without those that were deleted. */
export function messageItems(messages: readonly Message[]): TimelineItem[] {
  return messages.filter((message) => !message.deleted).map((message) => ({ kind: "message", key: String(message.id), seq: message.seq, message }));
}

export function messagesOf(items: readonly TimelineItem[]): Message[] {
  return items.flatMap((item) => (item.kind === "message" ? [item.message] : []));
}

/** Which messages a deletion or a purge removes; null for frames that remove nothing from this room. */
export function removedBy(frame: ServerFrame, room: string): ((message: Message) => boolean) | null {
  if (roomOf(frame) !== room) return null;
  if (frame.event === "message_deleted") return ({ id }) => frame.data.ids.includes(id);
  if (frame.event !== "room_purged") return null;
  const { seq, user } = frame.data;
  return (message) => message.seq < seq && (!user || message.user.uid === uidOf(user));
}

/** Puts an item at its seq; the same item again replaces the first. */
function place(items: readonly TimelineItem[], item: TimelineItem): readonly TimelineItem[] {
  const others = items.filter(({ key }) => key !== item.key);
  let at = others.length;
  while (at > 0 && others[at - 1]!.seq > item.seq) at--;
  return [...others.slice(0, at), item, ...others.slice(at)];
}

/** A new name or picture shows on old lines too; the room's ranks are not part of such an update and stay. */
function renamed(item: TimelineItem, user: User): TimelineItem {
  if (item.kind !== "message" || item.message.user.uid !== user.uid) return item;
  return { ...item, message: { ...item.message, user: { ...user, roles: item.message.user.roles } } };
}

function authorOf(items: readonly TimelineItem[], uid: string): User | undefined {
  return messagesOf(items).findLast(({ user }) => user.uid === uid)?.user;
}
