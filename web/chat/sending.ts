/**
 * Sending: a text is pending until it has arrived in the log, or stays with the reason why it was refused, until
 * it is sent again or discarded. What was just sent can be taken back.
 */
import { isCommand, type Pending, problemOf, type SendAck } from "../sdk/src";
import { accepted, discarded, rejected, sending } from "../sdk/src/pending";
import { holdsPassword } from "./drafts";
import type { ChatStore } from "./store";

/** How long a message that was just sent can be taken back with one click, in ms. */
export const undoFor = 8000;

let undoTimer: ReturnType<typeof setTimeout> | undefined;

export function send(store: ChatStore, text: string, replyTo: number | undefined = store.outgoing.answering.value?.id): void {
  const { room, outgoing, session } = store;
  if (room.uid.value === null) return;
  const nonce = room.nonce();
  session.problem.value = null;
  const hidden = holdsPassword(text);
  if (!hidden) room.update((state) => sending(state, { nonce, text, replyTo }));
  outgoing.answering.value = outgoing.undoable.value = null;
  room.viewport.mark.value = null;
  room.viewport.latest();
  room.post(text, replyTo, nonce).then(
    (ack) => {
      room.update((state) => accepted(state, nonce, ack, Date.now()));
      offerUndo(store, text, ack);
    },
    (error: unknown) => {
      const problem = problemOf(error);
      if (hidden) session.problem.value = problem;
      else room.update((state) => rejected(state, nonce, problem, Date.now()));
    },
  );
}

/** Sends a refused text once more. */
export function sendAgain(store: ChatStore, { nonce, text, replyTo }: Pending): void {
  store.room.update((state) => discarded(state, nonce));
  send(store, text, replyTo);
}

/** Takes back what was just sent; its text goes back into the box. */
export async function undo({ session, outgoing }: ChatStore): Promise<void> {
  const last = outgoing.undoable.value;
  outgoing.undoable.value = null;
  if (last && await session.run(session.rest.deleteMessage(last.id))) outgoing.rewrite.value = last.text;
}

function offerUndo({ outgoing }: ChatStore, text: string, ack: SendAck): void {
  if (!("seq" in ack) || isCommand(text)) return;
  clearTimeout(undoTimer);
  outgoing.undoable.value = { id: ack.id, text };
  undoTimer = setTimeout(() => { outgoing.undoable.value = null; }, undoFor);
}
