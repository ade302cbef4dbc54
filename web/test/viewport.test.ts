/** The window over a room's lines: how many there may be, what holds it, and how it moves through the history. */
import { describe, expect, it, vi } from "vitest";
import { newer, older, show } from "../chat/history";
import { Viewport, rowsKept, rowsMax, tailMax } from "../chat/viewport";
import type { Message, Rest, ServerFrame, User } from "../sdk/src";
import { applyToTimeline } from "../sdk/src/timeline";

vi.stubGlobal("document", { hidden: false });

const user: User = { uid: "ann", displayName: "Ann", roles: ["guest"] };
const message = (seq: number): Message => ({ id: 1000 + seq, seq, room: "r", timestamp: seq * 1000, message: `m${seq}`, user });
const frame = (seq: number): ServerFrame => ({ event: "message", data: message(seq) });
const span = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const seqs = (viewport: Viewport) => viewport.view.value.map((line) => line.seq);

/** A batch as the window gets it: with the room's newest lines after it. */
const apply = (viewport: Viewport, frames: readonly ServerFrame[], mayWait: boolean) =>
  viewport.apply(frames, mayWait, applyToTimeline(viewport.tail.value, frames, "r").slice(-tailMax));

/** A room of `length` messages, of which the newest 50 were in the snapshot; `gone` are deleted. */
function room(length: number, gone: Set<number> = new Set()) {
  const viewport = new Viewport();
  viewport.clear("r");
  const there = (from: number, to: number) => span(Math.max(1, from), to).filter((seq) => !gone.has(seq)).map(message);
  apply(viewport, [{ event: "room_messages", data: { room: "r", messages: there(length - 49, length), head: length, epoch: 1 } }], true);
  const rest = {
    messages: vi.fn(async (_: string, { before, after, limit = 50 }: { before?: number; after?: number; limit?: number }) => {
      const messages = before !== undefined ? there(1, before - 1).slice(-limit) : there(after! + 1, length).slice(0, limit);
      const more = before !== undefined ? (messages[0]?.seq ?? 0) > 1 : (messages.at(-1)?.seq ?? length) < length;
      return { room: {}, messages, next: more && messages.length ? messages[0]!.seq : null };
    }),
  };
  const say = (from: number, to: number) => { for (const seq of span(from, to)) while (!apply(viewport, [frame(seq)], true)); };
  return { viewport, rest: rest as unknown as Rest & typeof rest, say };
}

describe("following", () => {
  it("draws_a_bounded_number_of_lines_and_keeps_a_bounded_number_whatever_comes", () => {
    const { viewport, say } = room(50);
    for (let to = 100; to <= 3000; to += 50) {
      say(to - 49, to);
      expect(viewport.view.value.length).toBeLessThanOrEqual(rowsMax);
      expect(viewport.tail.value.length).toBeLessThanOrEqual(tailMax);
      expect(seqs(viewport).at(-1)).toBe(to);
    }
    expect(viewport.tail.value).toHaveLength(tailMax);
  });
  it("cuts_in_a_frame_of_its_own_so_that_what_is_seen_moves_for_one_reason_at_a_time", () => {
    const { viewport, say } = room(50);
    say(51, rowsMax);
    expect(viewport.view.value).toHaveLength(rowsMax);
    expect(apply(viewport, [frame(rowsMax + 1)], true)).toBe(false);
    expect(viewport.view.value).toHaveLength(rowsKept);
    expect(seqs(viewport).at(-1)).toBe(rowsMax);
    expect(apply(viewport, [frame(rowsMax + 1)], true)).toBe(true);
    expect(seqs(viewport).at(-1)).toBe(rowsMax + 1);
    const burst = span(rowsMax + 2, rowsMax + 41).map(frame);
    expect(apply(viewport, burst, true)).toBe(false);
    const cut = seqs(viewport);
    expect(apply(viewport, burst, true)).toBe(true);
    expect(seqs(viewport).slice(0, cut.length)).toEqual(cut);
    expect(viewport.view.value.length).toBeLessThanOrEqual(rowsMax);
  });
  it("what_may_not_wait_is_taken_at_once_and_leaves_the_window_full", () => {
    const { viewport, say } = room(50);
    say(51, 100 + rowsMax - rowsKept);
    expect(apply(viewport, [frame(rowsMax + 1)], false)).toBe(true);
    expect(seqs(viewport)).toEqual(span(rowsMax + 2 - rowsKept, rowsMax + 1));
  });
  it("after_a_burst_larger_than_the_window_nothing_of_what_was_drawn_stays", () => {
    const { viewport, say } = room(50);
    say(51, 110);
    const burst = span(111, 260).map(frame);
    while (!apply(viewport, burst, true));
    expect(seqs(viewport)).toEqual(span(261 - rowsKept, 260));
  });
});

describe("held", () => {
  it("nothing_that_is_seen_moves_and_the_number_of_lines_stays_bounded", () => {
    const { viewport, say } = room(50);
    viewport.hold("scroll");
    const before = seqs(viewport);
    say(51, 2000);
    expect(seqs(viewport).slice(0, before.length)).toEqual(before);
    expect(viewport.view.value).toHaveLength(rowsMax);
    expect(viewport.atEnd.value).toBe(false);
    viewport.latest();
    expect(seqs(viewport)).toEqual(span(2001 - rowsKept, 2000));
  });
  it("follows_again_when_the_last_hold_is_gone_and_not_before", () => {
    const { viewport, say } = room(50);
    viewport.hold("scroll");
    viewport.hold("hover");
    viewport.release("scroll");
    expect(viewport.following.value).toBe(false);
    say(51, 53);
    viewport.release("hover");
    expect(viewport.following.value).toBe(true);
    expect(seqs(viewport).at(-1)).toBe(53);
  });
  it("a_deleted_line_goes_even_while_nothing_else_moves", () => {
    const { viewport } = room(50);
    viewport.hold("key");
    apply(viewport, [{ event: "message_deleted", data: { room: "r", seq: 51, ids: [1010] } }], true);
    expect(seqs(viewport)).not.toContain(10);
  });
  it("marks_where_the_reader_stopped_when_they_scroll_away_and_not_when_they_point", () => {
    const { viewport } = room(50);
    viewport.hold("hover");
    expect(viewport.mark.value).toBeNull();
    viewport.release("hover");
    viewport.hold("scroll");
    expect(viewport.mark.value).toBe(50);
  });
  it("a_reader_who_scrolled_up_and_then_hides_the_window_has_read_no_further", () => {
    const { viewport, say } = room(50);
    viewport.hold("scroll");
    say(51, 60);
    viewport.turnAway();
    expect(viewport.mark.value).toBe(50);
  });
});

describe("through the history", () => {
  it("up_to_the_first_message_and_down_again_without_a_gap_and_never_with_too_many_lines", async () => {
    const { viewport, rest, say } = room(400);
    viewport.hold("scroll");
    let top = seqs(viewport)[0]!;
    while (!viewport.begun.value) {
      await older(viewport, rest);
      expect(viewport.view.value.length).toBeLessThanOrEqual(rowsMax);
      expect(seqs(viewport)).toEqual(span(seqs(viewport)[0]!, seqs(viewport).at(-1)!));
      if (!viewport.begun.value) expect(seqs(viewport)[0]).toBeLessThan(top);
      top = seqs(viewport)[0]!;
    }
    expect(top).toBe(1);
    say(401, 420);
    let turns = 0;
    while (!viewport.atEnd.value) {
      await newer(viewport, rest);
      expect(++turns).toBeLessThan(20);
      expect(viewport.view.value.length).toBeLessThanOrEqual(rowsMax);
      expect(seqs(viewport)).toEqual(span(seqs(viewport)[0]!, seqs(viewport).at(-1)!));
    }
    expect(seqs(viewport).at(-1)).toBe(420);
  });
  it("what_is_still_kept_is_not_asked_for_again", async () => {
    const { viewport, rest, say } = room(50);
    say(51, 250);
    viewport.hold("scroll");
    await older(viewport, rest);
    await older(viewport, rest);
    expect(rest.messages).not.toHaveBeenCalled();
    expect(seqs(viewport)).toEqual(span(seqs(viewport)[0]!, seqs(viewport)[0]! + rowsMax - 1));
  });
  it("a_room_with_less_than_a_page_begins_where_the_snapshot_does", () => {
    const viewport = new Viewport();
    viewport.clear("r");
    apply(viewport, [{ event: "room_messages", data: { room: "r", messages: [message(3), message(4)], head: 4, epoch: 1 } }], true);
    expect(viewport.begun.value).toBe(true);
  });
  it("an_empty_room_begins_with_its_first_message_whatever_its_seq", () => {
    const viewport = new Viewport();
    viewport.clear("r");
    apply(viewport, [{ event: "room_messages", data: { room: "r", messages: [], head: 3, epoch: 1 } }], true);
    apply(viewport, [frame(7)], true);
    expect(viewport.begun.value).toBe(true);
  });
  it("what_is_deleted_while_a_page_is_under_way_does_not_come_back_with_it", async () => {
    const { viewport, rest } = room(200);
    viewport.hold("scroll");
    const coming = older(viewport, rest);
    apply(viewport, [{ event: "message_deleted", data: { room: "r", seq: 201, ids: [1140] } }], true);
    await coming;
    expect(seqs(viewport)).toContain(139);
    expect(seqs(viewport)).not.toContain(140);
  });
  it("an_old_message_is_brought_into_view_by_the_page_it_stands_on", async () => {
    const { viewport, rest } = room(400);
    await show(viewport, rest, message(120));
    expect(seqs(viewport)).toContain(120);
    expect(viewport.reveal.value).toEqual({ id: 1120 });
    expect(viewport.following.value).toBe(false);
  });
  it.each(["older", "newer"] as const)("a_page_that_was_asked_for_before_the_reader_jumped_elsewhere_is_not_put_into_the_new_view: %s", async (end) => {
    for (const jump of ["latest", "show"]) {
      const { viewport, rest, say } = room(900);
      await show(viewport, rest, message(300));
      say(901, 1000);
      const coming = (end === "older" ? older : newer)(viewport, rest);
      if (jump === "latest") viewport.latest();
      else await show(viewport, rest, message(950));
      await coming;
      expect(seqs(viewport)).toEqual(span(seqs(viewport)[0]!, seqs(viewport).at(-1)!));
      expect(seqs(viewport).at(jump === "latest" ? -1 : 0)).toBe(jump === "latest" ? 1000 : 900);
      expect(viewport.loading.value).toBe(false);
    }
  });
  it("of_two_jumps_the_last_one_counts_however_long_the_first_takes", async () => {
    const { viewport, rest } = room(400);
    let answer = () => {};
    const slow = new Promise<void>((resolve) => { answer = resolve; });
    const whole = rest.messages.getMockImplementation()!;
    rest.messages.mockImplementationOnce(async (...asked) => { await slow; return whole(...asked); });
    const first = show(viewport, rest, message(120));
    await show(viewport, rest, message(300));
    answer();
    await first;
    expect(seqs(viewport).at(-1)).toBe(300);
    expect(viewport.reveal.value).toEqual({ id: 1300 });
  });
  it("what_is_deleted_while_two_pages_are_under_way_comes_back_with_neither", async () => {
    const { viewport, rest } = room(400);
    viewport.hold("scroll");
    const first = older(viewport, rest);
    const second = show(viewport, rest, message(300));
    apply(viewport, [{ event: "message_deleted", data: { room: "r", seq: 401, ids: [1299] } }], true);
    await Promise.all([first, second]);
    expect(seqs(viewport)).toContain(298);
    expect(seqs(viewport)).not.toContain(299);
  });
  it("a_reset_empties_the_window_and_lets_it_follow", () => {
    const { viewport } = room(60);
    viewport.hold("scroll");
    apply(viewport, [{ event: "reset", data: { room: "r", reason: "epoch" } },
      { event: "room_messages", data: { room: "r", messages: [message(7)], head: 7, epoch: 2 } }], true);
    expect(seqs(viewport)).toEqual([7]);
    expect(viewport.following.value).toBe(true);
  });
});
