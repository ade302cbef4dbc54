/**
 * The lines of a room as a value: frames go in, a new list comes out. Messages stand at their seq,
 * whatever the order of arrival; what was deleted or purged leaves at once.
 */
import { type Message, type ModerationAction, type ServerFrame, uidOf, type User, type UserRef } from "../sdk/src";
import { t } from "./i18n";

export type Line =
  | { kind: "message"; key: string; seq: number; message: Message }
  | { kind: "notice"; key: string; seq: number; text: string };

let notices = 0;

/** A quiet line of our own, at the end of what is there. */
export function notice(lines: readonly Line[], text: string, key = `n${++notices}`, seq = lines.at(-1)?.seq ?? 0): Line {
  return { kind: "notice", key, seq, text };
}

/** The lines after a batch of frames. Frames that change no line leave the list as it is. */
export function applyFrames(lines: readonly Line[], frames: readonly ServerFrame[], room: string): readonly Line[] {
  let next: Line[] | null = null;
  const edit = () => (next ??= [...lines]);
  for (const frame of frames) {
    switch (frame.event) {
      case "reset":
        if (frame.data.room === room) next = [];
        break;
      case "room_messages":
        if (frame.data.room !== room) break;
        for (const message of frame.data.messages) if (!message.deleted) place(edit(), messageLine(message));
        break;
      case "message":
        if (frame.data.room === room && !frame.data.deleted) place(edit(), messageLine(frame.data));
        break;
      case "message_deleted":
      case "room_purged": {
        const gone = goneBy(frame, room);
        if (gone) next = edit().filter((line) => line.kind !== "message" || !gone(line.message));
        break;
      }
      case "user_updated":
        next = edit().map((line) => renamed(line, frame.data.user));
        break;
      case "user_moderated": {
        if (frame.data.room !== null && frame.data.room !== room) break;
        const text = sentence(frame.data.action, nameIn(next ?? lines, frame.data.user));
        place(edit(), notice(lines, text, `m${frame.data.seq}`, frame.data.seq));
        break;
      }
      case "system":
        edit().push(notice(next ?? lines, frame.data.text));
        break;
    }
  }
  return next ?? lines;
}

/** What a deletion or a purge takes away; null for frames that take nothing from this room. */
export function goneBy(frame: ServerFrame, room: string): ((message: Message) => boolean) | null {
  if (frame.event === "message_deleted" && frame.data.room === room) {
    const ids = new Set(frame.data.ids);
    return (message) => ids.has(message.id);
  }
  if (frame.event === "room_purged" && frame.data.room === room) {
    const { seq, user } = frame.data;
    const author = user ? uidOf(user) : null;
    return (message) => message.seq < seq && (author === null || message.user.uid === author);
  }
  return null;
}

/** Messages of the history as lines. */
export function messageLines(messages: readonly Message[]): Line[] {
  return messages.filter((message) => !message.deleted).map(messageLine);
}

function messageLine(message: Message): Line {
  return { kind: "message", key: String(message.id), seq: message.seq, message };
}

/** Puts a line at its seq; the same line again takes the place of the first. */
function place(lines: Line[], line: Line): void {
  let at = lines.length;
  while (at > 0 && lines[at - 1]!.seq > line.seq) at--;
  for (let same = at - 1; same >= 0 && lines[same]!.seq === line.seq; same--) {
    if (lines[same]!.key === line.key) {
      lines[same] = line;
      return;
    }
  }
  lines.splice(at, 0, line);
}

/** A new name or picture shows on old lines too; the room's ranks are not part of such an update and stay. */
function renamed(line: Line, user: User): Line {
  if (line.kind !== "message" || line.message.user.uid !== user.uid) return line;
  const { displayName, picture = null } = user;
  return { ...line, message: { ...line.message, user: { ...line.message.user, displayName, picture } } };
}

function nameIn(lines: readonly Line[], user: UserRef): string {
  if (typeof user !== "string") return user.displayName;
  const line = lines.findLast((l) => l.kind === "message" && l.message.user.uid === user);
  return line?.kind === "message" ? line.message.user.displayName : t("somebody");
}

function sentence(action: ModerationAction, name: string): string {
  return t(`did_${action}`, { name });
}
