/**
 * Messages that were handed over but not yet acknowledged, in the order of sending. Each has a nonce:
 * the server answers a repeated nonce with the message it already has, so repeating is safe. Commands
 * are the exception: one that may have reached the server is given up instead of run twice.
 */
import { localProblem, type ProblemError } from "./problem.js";
import { isCommand, type SendAck } from "./protocol.js";

export interface Outgoing {
  readonly room: string;
  readonly text: string;
  readonly nonce: string;
  readonly replyTo?: number | undefined;
}

export interface Entry {
  readonly message: Outgoing;
  /** Whose message it is: it is never sent as anybody else's. */
  token: string | null;
  resolve(ack: SendAck): void;
  reject(error: ProblemError): void;
}

export class Outbox {
  readonly #entries = new Map<string, Entry>();

  add(message: Outgoing, token: string | null): { entry: Entry; done: Promise<SendAck> } {
    let entry!: Entry;
    const settle = () => this.#entries.delete(message.nonce);
    const done = new Promise<SendAck>((resolve, reject) => {
      entry = {
        message, token,
        resolve: (ack) => { settle(); resolve(ack); },
        reject: (error) => { settle(); reject(error); },
      };
    });
    this.#entries.set(message.nonce, entry);
    return { entry, done };
  }

  /** Whether `entry` still waits for its answer. */
  has(entry: Entry): boolean {
    return this.#entries.get(entry.message.nonce) === entry;
  }

  /** What must be sent again on a new connection. */
  waiting(): Entry[] {
    return [...this.#entries.values()];
  }

  /** The connection went while `entry` was under way: a message stays, a command does not. */
  lost(entry: Entry): void {
    if (!isCommand(entry.message.text)) return;
    entry.reject(localProblem("connection_lost", "The connection was lost; the command may or may not have run."));
  }

  rejectAll(error: ProblemError): void {
    for (const entry of this.waiting()) entry.reject(error);
  }
}
