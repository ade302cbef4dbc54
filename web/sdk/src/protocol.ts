/**
 * The words of Banter's wire: what HTTP answers are made of and every frame of the socket, as
 * discriminated unions. Types and one parser, no behaviour. Times are milliseconds since 1970,
 * `retryAfter` and `slowMode` are seconds, `seq` is a message's permanent place in its room.
 */

import type { MessageView, Problem as ProblemView, RoomView, UserView } from "./api.generated.js";

export type User = UserView;

export type Role = User["roles"][number];

export type Room = RoomView;

export interface Message extends MessageView {
  deleted?: boolean;
}

/** Why something was refused: the body of every HTTP error and the data of every error frame. */
export type Problem = Pick<ProblemView, "status" | "code" | "detail"> & Partial<ProblemView>;

export type ModerationAction = "ban" | "timeout" | "unban" | "untimeout" | "mod" | "unmod" | "vip" | "unvip";

/** Some events name a user by uid alone, others carry the whole user. */
export type UserRef = User | string;

export interface ReconnectHints {
  base: number;
  cap: number;
  window: number;
}

export interface Welcome {
  connection: number;
  /** The server says something at least every so many ms. */
  heartbeat: number;
  reconnect: ReconnectHints;
}

export interface JoinAck {
  room: string;
  head: number;
  epoch: number;
  /** The caller as this room sees them, when the server says so: it carries the room's ranks. */
  user?: User | null;
}

/** The answer to a posted message, or to a command (which posts nothing). */
export type SendAck = { id: number; seq: number; timestamp: number } | { command: string };

export type ServerFrame =
  | { event: "welcome"; data: Welcome }
  | { event: "auth_updated"; data: { user: User | null; token?: string | null } }
  | { event: "room_updated"; data: { room: Room; seq?: number } }
  | { event: "room_messages"; data: { room: string; messages: Message[]; head: number; epoch: number } }
  | { event: "room_users"; data: { room: string; count: number; users: User[] } }
  | { event: "message"; data: Message }
  | { event: "message_deleted"; data: { room: string; seq: number; ids: number[] } }
  | { event: "room_purged"; data: { room: string; seq: number; user?: UserRef | null } }
  | { event: "user_updated"; data: { user: User } }
  | {
      event: "user_moderated";
      data: { room: string | null; seq: number; user: UserRef; action: ModerationAction; until?: number | null };
    }
  | { event: "presence"; data: { room: string; count: number } }
  | { event: "system"; data: { type: string; text: string } }
  | { event: "reset"; data: { room: string; reason: string } }
  | { event: "ping"; data?: unknown }
  | { event: "ack"; id: number; data: unknown }
  | { event: "error"; id?: number; data: Problem };

export type ClientFrame =
  | { event: "login"; data: { token: string }; id: number }
  | { event: "logout"; data: Record<string, never>; id: number }
  | { event: "join"; data: { uid: string; since?: number; epoch?: number }; id: number }
  | { event: "leave"; data: { uid: string }; id: number }
  | { event: "sendMessage"; data: { room: string; text: string; nonce: string; replyTo?: number | undefined }; id: number }
  | { event: "pong" };

const events: ReadonlySet<string> = new Set<ServerFrame["event"]>([
  "welcome", "auth_updated", "room_updated", "room_messages", "room_users", "message", "message_deleted",
  "room_purged", "user_updated", "user_moderated", "presence", "system", "reset", "ping", "ack", "error",
]);

/** One text frame as a value; null for what is no frame or a frame that this version does not know. */
export function parseFrame(text: string): ServerFrame | null {
  try {
    const value: unknown = JSON.parse(text);
    const { event, data } = Object(value) as { event?: string; data?: unknown };
    return events.has(event!) && (event === "ping" || (typeof data === "object" && data !== null)) ? (value as ServerFrame) : null;
  } catch {
    return null;
  }
}

/** The uid behind a reference to a user. */
export function uidOf(user: UserRef): string {
  return typeof user === "string" ? user : user.uid;
}

/** True for a text that the server takes as a command: it is never posted, and never repeated by itself. `/me` is a post. */
export function isCommand(text: string): boolean {
  return /^\s*[!/](?!me(\s|$))[a-z]/i.test(text);
}
