/** What the box for writing is about: the message that is answered, a text that comes back, and what can be undone. */
import { signal } from "@preact/signals";
import type { Message } from "../sdk/src";

export class Outgoing {
  /** The message that the next one answers. */
  readonly answering = signal<Message | null>(null);
  /** The last message, while it can be taken back with one click. */
  readonly undoable = signal<{ id: number; text: string } | null>(null);
  /** A text that goes back into the box. */
  readonly rewrite = signal<string | null>(null);
}
