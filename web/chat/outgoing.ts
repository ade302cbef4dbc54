/** My own words on their way, as the window shows them: what is pending, refused, being answered, or to be waited for. */
import { signal } from "@preact/signals";
import type { Message, Problem } from "../sdk/src";

export interface Pending {
  key: number;
  text: string;
  answers: Message | null;
  seq?: number;
  problem?: Problem;
  /** When a refused text may be sent again. */
  until?: number;
}

export class Outgoing {
  readonly pending = signal<readonly Pending[]>([]);
  /** The message that the next one answers. */
  readonly answering = signal<Message | null>(null);
  /** When slow mode, or a time-out, lets us write again. */
  readonly slowUntil = signal(0);
  readonly mutedUntil = signal(0);
  /** The last message, while it can be taken back with one click. */
  readonly undoable = signal<{ id: number; text: string } | null>(null);
  /** A text that goes back into the box. */
  readonly rewrite = signal<string | null>(null);
  /** The highest seq that is in view. */
  seen = 0;

  /** Somebody else writes now, or the moderators let us. */
  free(): void {
    this.slowUntil.value = this.mutedUntil.value = 0;
  }

  discard(entry: Pending): void {
    this.pending.value = this.pending.value.filter((other) => other.key !== entry.key);
  }

  /** Lets go of what the log has by now. */
  arrived(seen: number): void {
    this.seen = seen;
    if (!this.pending.value.some((entry) => entry.seq !== undefined && entry.seq <= seen)) return;
    this.pending.value = this.pending.value.filter((entry) => entry.seq === undefined || entry.seq > seen);
  }
}
