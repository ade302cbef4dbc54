/**
 * Sending: a text leaves when its message has arrived in the log, or stays with the reason why it was
 * refused, until it is sent again or discarded. What was just sent can be taken back.
 */
import { isCommand, type Message, type Problem, problemOf, type SendAck } from "../sdk/src";
import { holdsPassword } from "./drafts";
import type { Pending } from "./outgoing";
import type { ChatStore } from "./store";

/** How long a message that was just sent can be taken back with one click. */
export const undoFor = 8000;

let nextKey = 1;
let undoTimer: ReturnType<typeof setTimeout> | undefined;

export function send(store: ChatStore, text: string, answers: Message | null = store.outgoing.answering.value): void {
  const room = store.roomUid.value;
  if (room === null) return;
  const { outgoing } = store;
  const entry: Pending = { key: nextKey++, text, answers };
  store.problem.value = null;
  const hidden = holdsPassword(text);
  if (!hidden) outgoing.pending.value = [...outgoing.pending.value, entry];
  outgoing.answering.value = outgoing.undoable.value = null;
  store.reading.mark.value = null;
  store.reading.latest();
  store.post(room, text, answers?.id).then(
    (ack) => acknowledged(store, entry, ack),
    (error: unknown) => {
      if (hidden) store.problem.value = problemOf(error);
      else refused(store, entry, problemOf(error));
    },
  );
}

/** Sends a refused text once more. */
export function sendAgain(store: ChatStore, entry: Pending): void {
  store.outgoing.discard(entry);
  send(store, entry.text, entry.answers);
}

/** Takes back what was just sent; its text goes back into the box. */
export async function undo(store: ChatStore): Promise<void> {
  const last = store.outgoing.undoable.value;
  store.outgoing.undoable.value = null;
  if (last && await store.ask(store.rest.deleteMessage(last.id))) store.outgoing.rewrite.value = last.text;
}

function acknowledged(store: ChatStore, entry: Pending, ack: SendAck): void {
  const { outgoing } = store;
  if (!("seq" in ack)) return outgoing.discard(entry);
  if (!store.moderates.value) outgoing.slowUntil.value = Date.now() + (store.room.value?.slowMode ?? 0) * 1000;
  change(store, entry, { seq: ack.seq });
  outgoing.arrived(outgoing.seen);
  if (isCommand(entry.text)) return;
  clearTimeout(undoTimer);
  outgoing.undoable.value = { id: ack.id, text: entry.text };
  undoTimer = setTimeout(() => { outgoing.undoable.value = null; }, undoFor);
}

function refused(store: ChatStore, entry: Pending, problem: Problem): void {
  const until = Date.now() + (problem.retryAfter ?? 0) * 1000;
  if (problem.code === "slow_mode") store.outgoing.slowUntil.value = until;
  if (problem.code === "timed_out") store.outgoing.mutedUntil.value = problem.retryAfter ? until : Infinity;
  change(store, entry, { problem, until: problem.retryAfter ? until : 0 });
}

function change({ outgoing }: ChatStore, entry: Pending, by: Partial<Pending>): void {
  outgoing.pending.value = outgoing.pending.value.map((other) => (other.key === entry.key ? { ...other, ...by } : other));
}
