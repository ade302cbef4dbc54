/** Steps of the room's state for our own messages: handed over, taken, refused, forgotten. `now` is in ms since 1970. */
import type { Problem, SendAck } from "./protocol.js";
import { isModerator, type Outgoing, type Pending, type RoomState, seenUpTo } from "./room.js";

/** A message is on its way, at the end of those that are; one with the same nonce was refused before. */
export function sending(state: RoomState, { nonce, text, replyTo }: Pending): RoomState {
  const room = discarded(state, nonce);
  return { ...room, outgoing: [...room.outgoing, { nonce, text, replyTo }] };
}

export function accepted(state: RoomState, nonce: string, ack: SendAck, now: number): RoomState {
  if (!("seq" in ack)) return discarded(state, nonce);
  const slowUntil = isModerator(state.me) ? state.slowUntil : now + (state.settings?.slowMode ?? 0) * 1000;
  return seenUpTo({ ...answered(state, nonce, { id: ack.id, seq: ack.seq }), slowUntil }, state.seen);
}

export function rejected(state: RoomState, nonce: string, problem: Problem, now: number): RoomState {
  const retryAt = problem.retryAfter ? now + problem.retryAfter * 1000 : 0;
  const room = answered(state, nonce, { problem, retryAt });
  if (problem.code === "slow_mode") return { ...room, slowUntil: retryAt };
  if (problem.code === "timed_out") return { ...room, mutedUntil: retryAt || Infinity };
  return room;
}

export function discarded(state: RoomState, nonce: string): RoomState {
  return { ...state, outgoing: state.outgoing.filter((entry) => entry.nonce !== nonce) };
}

/** A guess, right or wrong, is not needed after an answer. */
function answered(state: RoomState, nonce: string, answer: Partial<Outgoing>): RoomState {
  return { ...state, outgoing: state.outgoing.map((entry) => (entry.nonce === nonce ? { ...entry, guessed: undefined, ...answer } : entry)) };
}
