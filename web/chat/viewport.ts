/**
 * What the reader has before them. The newest 250 lines are always kept (the tail); what is drawn is a
 * window of at most 120. While nothing holds it, the window follows the tail; a reader who scrolls, points
 * or walks holds it, and then it moves only when they do (history.ts). Both memory and page are bounded.
 */
import { computed, signal } from "@preact/signals";
import type { ServerFrame, TimelineItem } from "../sdk/src";
import { applyToTimeline, removedBy } from "../sdk/src/timeline";

export const rowsMax = 120;
/** What a full window is cut to while it follows: a cut moves nothing that is seen, and takes a frame of its own. */
export const rowsKept = 100;
/** Enough to fill any window: no cut goes deeper. */
const rowsLeast = 45;
export const tailMax = 250;
export const pageOf = 50;

/** What keeps the window from following. */
export type Hold = "scroll" | "hover" | "key" | "menu";

export class Viewport {
  readonly view = signal<readonly TimelineItem[]>([]);
  readonly holds = signal<ReadonlySet<Hold>>(new Set());
  readonly following = computed(() => this.holds.value.size === 0);
  /** Messages that came below the reader's place. */
  readonly fresh = signal(0);
  /** Messages that came while nobody looked: scrolled up, or the window hidden. */
  readonly unread = signal(0);
  /** The last seq the reader had seen when they turned away. */
  readonly mark = signal<number | null>(null);
  readonly loading = signal(false);
  /** A message to be brought into view, by id. */
  readonly reveal = signal<{ id: number } | null>(null);
  /** True when nothing lies before the window. */
  readonly begun = computed(() => this.start.value !== null && (this.view.value[0]?.seq ?? 0) <= this.start.value);
  /** True when the window ends with the newest line. */
  readonly atEnd = computed(() => lastSeq(this.view.value) >= lastSeq(this.tail.value));

  /** The newest lines, whatever the reader looks at. */
  readonly tail = signal<readonly TimelineItem[]>([]);
  /** The first seq of the room's history, once it is known. */
  readonly start = signal<number | null>(null);
  room = "";
  /** Grows when another view takes the window's place: a page that was asked for before is of no use then. */
  turn = 0;
  /** The room came without a message: the first one is the beginning. */
  #bare = false;
  /** What was taken away while a page of history was under way. */
  removals: ServerFrame[] | null = null;

  clear(room: string): void {
    this.room = room;
    this.turnTo([]);
    this.#bare = false;
    this.tail.value = [];
    this.holds.value = new Set();
    this.start.value = this.mark.value = this.reveal.value = null;
    this.seen();
  }

  /** Puts a view in the window's place that does not go on from what is there. */
  turnTo(view: readonly TimelineItem[]): void {
    this.turn++;
    this.loading.value = false;
    this.removals = null;
    this.view.value = view;
  }

  /** Takes a batch in; `tail` is the room's newest lines after it. False when the window had to be cut first: the batch comes again in the next frame. */
  apply(frames: readonly ServerFrame[], mayWait: boolean, tail: readonly TimelineItem[]): boolean {
    for (const frame of frames) this.#watch(frame);
    const view = this.view.value;
    const left = Math.max(rowsLeast, Math.min(rowsKept, rowsMax - frames.length));
    if (this.following.value && mayWait && view.length > left && view.length + frames.length > rowsMax) {
      this.view.value = view.slice(-left);
      return false;
    }
    this.removals?.push(...frames.filter((frame) => removedBy(frame, this.room)));
    const before = this.tail.value;
    const held = this.following.value || !view.length ? null : applyToTimeline(view, frames, this.room);
    this.tail.value = tail;
    if (!held) {
      const from = tail.findIndex((line) => line.seq >= (view[0]?.seq ?? 0));
      const rows = from < 0 ? tail : tail.slice(from);
      // After a burst none of what was drawn stays, so nothing that is seen moves.
      const kept = frames.length > rowsMax / 2 ? Math.min(rowsKept, frames.length) : rowsKept;
      this.view.value = rows.length > rowsMax ? rows.slice(-kept) : rows;
      return true;
    }
    const end = lastSeq(view);
    const grows = end >= lastSeq(before);
    this.view.value = held.filter((line, index) => line.seq <= end || (grows && index < rowsMax)).slice(0, rowsMax);
    return true;
  }

  hold(reason: Hold): void {
    if (this.holds.value.has(reason)) return;
    if (reason === "scroll") this.turnAway();
    this.holds.value = new Set([...this.holds.value, reason]);
  }

  release(reason: Hold): void {
    if (!this.holds.value.has(reason)) return;
    this.holds.value = new Set([...this.holds.value].filter((other) => other !== reason));
    if (this.following.value) this.latest();
  }

  /** Back to the newest line, whatever held the window. */
  latest(): void {
    this.holds.value = new Set();
    const view = this.view.value;
    this.turnTo(this.atEnd.value && view.length <= rowsMax ? view : this.tail.value.slice(-rowsKept));
    this.seen();
  }

  /** The reader looks at the newest line. */
  seen(): void {
    this.fresh.value = 0;
    if (!document.hidden) this.unread.value = 0;
  }

  /** The reader stops reading here: what comes now stands below the line. One who had stopped before keeps their place. */
  turnAway(): void {
    if (this.following.value) this.mark.value = lastSeq(this.tail.value);
  }

  /** Counts a message of somebody else. */
  count(): void {
    if (!this.following.value) this.fresh.value++;
    if (this.holds.value.has("scroll") || document.hidden) this.unread.value++;
  }

  #watch(frame: ServerFrame): void {
    if (frame.event === "reset" && frame.data.room === this.room) this.clear(this.room);
    if (frame.event === "message" && frame.data.room === this.room && this.#bare) {
      this.#bare = false;
      this.start.value = frame.data.seq;
    }
    if (frame.event !== "room_messages" || frame.data.room !== this.room || this.tail.value.length) return;
    const [first] = frame.data.messages;
    this.#bare = !first;
    if (first && frame.data.messages.length < pageOf) this.start.value = first.seq;
  }
}

export function lastSeq(lines: readonly TimelineItem[]): number {
  return lines.at(-1)?.seq ?? 0;
}
