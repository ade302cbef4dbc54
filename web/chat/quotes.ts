/**
 * The messages that replies answer, per window. One that is in view is taken from there; another is asked for once.
 * What is deleted meanwhile is deleted here too. At most 200 are kept.
 */
import { type Signal, signal } from "@preact/signals";
import type { Message, Rest, ServerFrame, TimelineItem } from "../sdk/src";
import { removedBy } from "../sdk/src/timeline";
import type { ChatStore } from "./store";

/** undefined: being asked for; null: it is gone. */
export type Quote = Message | null | undefined;
const most = 200;
const ofStore = new WeakMap<ChatStore, Quotes>();

export function quotesOf(store: ChatStore): Quotes {
  let quotes = ofStore.get(store);
  if (!quotes) {
    const made = quotes = new Quotes(store.session.rest, () => [...store.room.viewport.tail.value, ...store.room.viewport.view.value]);
    ofStore.set(store, made);
    store.room.frameListeners.add((frames, room) => made.apply(frames, room));
  }
  return quotes;
}

export class Quotes {
  readonly #rest: Rest;
  readonly #near: () => readonly TimelineItem[];
  readonly #known = new Map<number, Signal<Quote>>();

  /** `near` gives the lines that are at hand. */
  constructor(rest: Rest, near: () => readonly TimelineItem[]) {
    this.#rest = rest;
    this.#near = near;
  }

  of(id: number): Signal<Quote> {
    const known = this.#known.get(id);
    if (known) return known;
    const line = this.#near().find((other) => other.kind === "message" && other.message.id === id);
    const quote = signal<Quote>(line?.kind === "message" ? line.message : undefined);
    if (this.#known.size >= most) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(id, quote);
    if (!quote.value) {
      this.#rest.message(id).then(
        ({ message }) => { if (quote.value === undefined) quote.value = message; },
        () => { quote.value = null; },
      );
    }
    return quote;
  }

  apply(frames: readonly ServerFrame[], room: string): void {
    if (!this.#known.size) return;
    for (const frame of frames) {
      const gone = removedBy(frame, room);
      if (!gone) continue;
      const ids = frame.event === "message_deleted" ? new Set(frame.data.ids) : null;
      for (const [id, quote] of this.#known) if (ids?.has(id) || (quote.value && gone(quote.value))) quote.value = null;
    }
  }
}
