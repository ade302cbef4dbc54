/** The window over a room's lines: how many there may be, what holds it, and how it moves through the history. */
import { describe, expect, it, vi } from "vitest";
import { newer, older, show } from "../chat/history";
import { Reading, rowsKept, rowsMax, tailMax } from "../chat/reading";
import type { Message, Rest, ServerFrame, User } from "../sdk/src";

vi.stubGlobal("document", { hidden: false });

const user: User = { uid: "ann", displayName: "Ann", roles: ["guest"] };
const message = (seq: number): Message => ({ id: 1000 + seq, seq, room: "r", timestamp: seq * 1000, message: `m${seq}`, user });
const frame = (seq: number): ServerFrame => ({ event: "message", data: message(seq) });
const span = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const seqs = (reading: Reading) => reading.view.value.map((line) => line.seq);

/** A room of `length` messages, of which the newest 50 were in the snapshot; `gone` are deleted. */
function room(length: number, gone: Set<number> = new Set()) {
  const reading = new Reading();
  reading.clear("r");
  const there = (from: number, to: number) => span(Math.max(1, from), to).filter((seq) => !gone.has(seq)).map(message);
  reading.apply([{ event: "room_messages", data: { room: "r", messages: there(length - 49, length), head: length, epoch: 1 } }], true);
  const rest = {
    messages: vi.fn(async (_: string, { before, after, limit = 50 }: { before?: number; after?: number; limit?: number }) => {
      const messages = before !== undefined ? there(1, before - 1).slice(-limit) : there(after! + 1, length).slice(0, limit);
      const more = before !== undefined ? (messages[0]?.seq ?? 0) > 1 : (messages.at(-1)?.seq ?? length) < length;
      return { room: {}, messages, next: more && messages.length ? messages[0]!.seq : null };
    }),
  };
  const say = (from: number, to: number) => { for (const seq of span(from, to)) while (!reading.apply([frame(seq)], true)); };
  return { reading, rest: rest as unknown as Rest & typeof rest, say };
}

describe("following", () => {
  it("draws_a_bounded_number_of_lines_and_keeps_a_bounded_number_whatever_comes", () => {
    const { reading, say } = room(50);
    for (let to = 100; to <= 3000; to += 50) {
      say(to - 49, to);
      expect(reading.view.value.length).toBeLessThanOrEqual(rowsMax);
      expect(reading.tail.value.length).toBeLessThanOrEqual(tailMax);
      expect(seqs(reading).at(-1)).toBe(to);
    }
    expect(reading.tail.value).toHaveLength(tailMax);
  });
  it("cuts_in_a_frame_of_its_own_so_that_what_is_seen_moves_for_one_reason_at_a_time", () => {
    const { reading, say } = room(50);
    say(51, rowsMax);
    expect(reading.view.value).toHaveLength(rowsMax);
    expect(reading.apply([frame(rowsMax + 1)], true)).toBe(false);
    expect(reading.view.value).toHaveLength(rowsKept);
    expect(seqs(reading).at(-1)).toBe(rowsMax);
    expect(reading.apply([frame(rowsMax + 1)], true)).toBe(true);
    expect(seqs(reading).at(-1)).toBe(rowsMax + 1);
    const burst = span(rowsMax + 2, rowsMax + 41).map(frame);
    expect(reading.apply(burst, true)).toBe(false);
    const cut = seqs(reading);
    expect(reading.apply(burst, true)).toBe(true);
    expect(seqs(reading).slice(0, cut.length)).toEqual(cut);
    expect(reading.view.value.length).toBeLessThanOrEqual(rowsMax);
  });
  it("what_may_not_wait_is_taken_at_once_and_leaves_the_window_full", () => {
    const { reading, say } = room(50);
    say(51, 100 + rowsMax - rowsKept);
    expect(reading.apply([frame(rowsMax + 1)], false)).toBe(true);
    expect(seqs(reading)).toEqual(span(rowsMax + 2 - rowsKept, rowsMax + 1));
  });
  it("after_a_burst_larger_than_the_window_nothing_of_what_was_drawn_stays", () => {
    const { reading, say } = room(50);
    say(51, 110);
    const burst = span(111, 260).map(frame);
    while (!reading.apply(burst, true));
    expect(seqs(reading)).toEqual(span(261 - rowsKept, 260));
  });
});

describe("held", () => {
  it("nothing_that_is_seen_moves_and_the_number_of_lines_stays_bounded", () => {
    const { reading, say } = room(50);
    reading.hold("scroll");
    const before = seqs(reading);
    say(51, 2000);
    expect(seqs(reading).slice(0, before.length)).toEqual(before);
    expect(reading.view.value).toHaveLength(rowsMax);
    expect(reading.atEnd.value).toBe(false);
    reading.latest();
    expect(seqs(reading)).toEqual(span(2001 - rowsKept, 2000));
  });
  it("follows_again_when_the_last_hold_is_gone_and_not_before", () => {
    const { reading, say } = room(50);
    reading.hold("scroll");
    reading.hold("hover");
    reading.release("scroll");
    expect(reading.following.value).toBe(false);
    say(51, 53);
    reading.release("hover");
    expect(reading.following.value).toBe(true);
    expect(seqs(reading).at(-1)).toBe(53);
  });
  it("a_deleted_line_goes_even_while_nothing_else_moves", () => {
    const { reading } = room(50);
    reading.hold("key");
    reading.apply([{ event: "message_deleted", data: { room: "r", seq: 51, ids: [1010] } }], true);
    expect(seqs(reading)).not.toContain(10);
  });
  it("marks_where_the_reader_stopped_when_they_scroll_away_and_not_when_they_point", () => {
    const { reading } = room(50);
    reading.hold("hover");
    expect(reading.mark.value).toBeNull();
    reading.release("hover");
    reading.hold("scroll");
    expect(reading.mark.value).toBe(50);
  });
  it("a_reader_who_scrolled_up_and_then_hides_the_window_has_read_no_further", () => {
    const { reading, say } = room(50);
    reading.hold("scroll");
    say(51, 60);
    reading.turnAway();
    expect(reading.mark.value).toBe(50);
  });
});

describe("through the history", () => {
  it("up_to_the_first_message_and_down_again_without_a_gap_and_never_with_too_many_lines", async () => {
    const { reading, rest, say } = room(400);
    reading.hold("scroll");
    let top = seqs(reading)[0]!;
    while (!reading.begun.value) {
      await older(reading, rest);
      expect(reading.view.value.length).toBeLessThanOrEqual(rowsMax);
      expect(seqs(reading)).toEqual(span(seqs(reading)[0]!, seqs(reading).at(-1)!));
      if (!reading.begun.value) expect(seqs(reading)[0]).toBeLessThan(top);
      top = seqs(reading)[0]!;
    }
    expect(top).toBe(1);
    say(401, 420);
    let turns = 0;
    while (!reading.atEnd.value) {
      await newer(reading, rest);
      expect(++turns).toBeLessThan(20);
      expect(reading.view.value.length).toBeLessThanOrEqual(rowsMax);
      expect(seqs(reading)).toEqual(span(seqs(reading)[0]!, seqs(reading).at(-1)!));
    }
    expect(seqs(reading).at(-1)).toBe(420);
  });
  it("what_is_still_kept_is_not_asked_for_again", async () => {
    const { reading, rest, say } = room(50);
    say(51, 250);
    reading.hold("scroll");
    await older(reading, rest);
    await older(reading, rest);
    expect(rest.messages).not.toHaveBeenCalled();
    expect(seqs(reading)).toEqual(span(seqs(reading)[0]!, seqs(reading)[0]! + rowsMax - 1));
  });
  it("a_room_with_less_than_a_page_begins_where_the_snapshot_does", () => {
    const reading = new Reading();
    reading.clear("r");
    reading.apply([{ event: "room_messages", data: { room: "r", messages: [message(3), message(4)], head: 4, epoch: 1 } }], true);
    expect(reading.begun.value).toBe(true);
  });
  it("an_empty_room_begins_with_its_first_message_whatever_its_seq", () => {
    const reading = new Reading();
    reading.clear("r");
    reading.apply([{ event: "room_messages", data: { room: "r", messages: [], head: 3, epoch: 1 } }], true);
    reading.apply([frame(7)], true);
    expect(reading.begun.value).toBe(true);
  });
  it("what_is_deleted_while_a_page_is_under_way_does_not_come_back_with_it", async () => {
    const { reading, rest } = room(200);
    reading.hold("scroll");
    const coming = older(reading, rest);
    reading.apply([{ event: "message_deleted", data: { room: "r", seq: 201, ids: [1140] } }], true);
    await coming;
    expect(seqs(reading)).toContain(139);
    expect(seqs(reading)).not.toContain(140);
  });
  it("an_old_message_is_brought_into_view_by_the_page_it_stands_on", async () => {
    const { reading, rest } = room(400);
    await show(reading, rest, message(120));
    expect(seqs(reading)).toContain(120);
    expect(reading.reveal.value).toEqual({ id: 1120 });
    expect(reading.following.value).toBe(false);
  });
  it.each(["older", "newer"] as const)("a_page_that_was_asked_for_before_the_reader_jumped_elsewhere_is_not_put_into_the_new_view: %s", async (end) => {
    for (const jump of ["latest", "show"]) {
      const { reading, rest, say } = room(900);
      await show(reading, rest, message(300));
      say(901, 1000);
      const coming = (end === "older" ? older : newer)(reading, rest);
      if (jump === "latest") reading.latest();
      else await show(reading, rest, message(950));
      await coming;
      expect(seqs(reading)).toEqual(span(seqs(reading)[0]!, seqs(reading).at(-1)!));
      expect(seqs(reading).at(jump === "latest" ? -1 : 0)).toBe(jump === "latest" ? 1000 : 900);
      expect(reading.loading.value).toBe(false);
    }
  });
  it("of_two_jumps_the_last_one_counts_however_long_the_first_takes", async () => {
    const { reading, rest } = room(400);
    let answer = () => {};
    const slow = new Promise<void>((resolve) => { answer = resolve; });
    const whole = rest.messages.getMockImplementation()!;
    rest.messages.mockImplementationOnce(async (...asked) => { await slow; return whole(...asked); });
    const first = show(reading, rest, message(120));
    await show(reading, rest, message(300));
    answer();
    await first;
    expect(seqs(reading).at(-1)).toBe(300);
    expect(reading.reveal.value).toEqual({ id: 1300 });
  });
  it("what_is_deleted_while_two_pages_are_under_way_comes_back_with_neither", async () => {
    const { reading, rest } = room(400);
    reading.hold("scroll");
    const first = older(reading, rest);
    const second = show(reading, rest, message(300));
    reading.apply([{ event: "message_deleted", data: { room: "r", seq: 401, ids: [1299] } }], true);
    await Promise.all([first, second]);
    expect(seqs(reading)).toContain(298);
    expect(seqs(reading)).not.toContain(299);
  });
  it("a_reset_empties_the_window_and_lets_it_follow", () => {
    const { reading } = room(60);
    reading.hold("scroll");
    reading.apply([{ event: "reset", data: { room: "r", reason: "epoch" } },
      { event: "room_messages", data: { room: "r", messages: [message(7)], head: 7, epoch: 2 } }], true);
    expect(seqs(reading)).toEqual([7]);
    expect(reading.following.value).toBe(true);
  });
});
