/** The state of a room as a value: what moderators do to us, and what a removal does to the pinned message. */
import { expect, it } from "vitest";
import type { Message, ModerationAction, Room, ServerFrame, User } from "../sdk/src";
import { accepted, rejected, sending } from "../sdk/src/pending";
import { applyFrame, bannedFromRoom, emptyRoom, pendingOf, type RoomState } from "../sdk/src/room";

const ann: User = { uid: "ann", displayName: "Ann", roles: ["registered"] };
const message = (seq: number): Message => ({ id: 100 + seq, seq, room: "r", timestamp: 0, message: `m${seq}`, user: ann });
const start: RoomState = { ...emptyRoom("r"), me: ann, settings: { uid: "r", name: "R", slowMode: 5 } as Room };
const after = (state: RoomState, ...frames: ServerFrame[]) => frames.reduce((room, frame) => applyFrame(room, frame, 3), state);
const moderated = (action: ModerationAction, room: string | null = "r", user = "ann", until: number | null = null): ServerFrame =>
  ({ event: "user_moderated", data: { room, seq: 9, user, action, until } });

it("a_ban_of_this_room_or_of_the_server_shuts_us_out_and_others_bans_do_not", () => {
  expect(after(start, moderated("ban")).refused).toBe(bannedFromRoom);
  expect(after(start, moderated("ban", null)).refused).toBe(bannedFromRoom);
  expect(after(start, moderated("ban", "other")).refused).toBeNull();
  expect(after(start, moderated("ban", "r", "bob")).refused).toBeNull();
});

it("a_time_out_mutes_until_its_end_and_is_lifted", () => {
  expect(after(start, moderated("timeout", "r", "ann", 7000)).mutedUntil).toBe(7000);
  expect(after(start, moderated("timeout")).mutedUntil).toBe(Infinity);
  expect(after(start, moderated("timeout"), moderated("untimeout")).mutedUntil).toBe(0);
});

it("ranks_come_and_go_and_leave_the_others", () => {
  expect(after(start, moderated("mod"), moderated("mod")).me?.roles).toEqual(["registered", "mod"]);
  expect(after(start, moderated("mod"), moderated("vip"), moderated("unmod")).me?.roles).toEqual(["registered", "vip"]);
});

it("a_pinned_message_that_is_removed_is_pinned_no_more", () => {
  const pinned = { ...start, settings: { ...start.settings!, pinned: message(1) } };
  expect(after(pinned, { event: "message_deleted", data: { room: "r", seq: 2, ids: [102] } }).settings?.pinned?.id).toBe(101);
  expect(after(pinned, { event: "message_deleted", data: { room: "r", seq: 2, ids: [101] } }).settings?.pinned).toBeNull();
});

it("slow_mode_starts_with_the_answer_except_for_moderators", () => {
  const ack = { id: 101, seq: 1, timestamp: 0 };
  const pending = { nonce: "n", text: "hi" };
  expect(accepted(sending(start, pending), "n", ack, 1000).slowUntil).toBe(6000);
  expect(accepted(sending(after(start, moderated("mod")), pending), "n", ack, 1000).slowUntil).toBe(0);
});

it("a_refusal_says_when_to_try_again", () => {
  const refused = rejected(sending(start, { nonce: "n", text: "hi" }), "n", { status: 403, code: "timed_out", detail: "", retryAfter: 2 }, 1000);
  expect(pendingOf(refused)).toMatchObject([{ nonce: "n", retryAt: 3000, problem: { code: "timed_out" } }]);
  expect(refused.mutedUntil).toBe(3000);
});

it("old_states_are_left_as_they_were", () => {
  const before = JSON.stringify(start);
  after(start, { event: "message", data: message(1) }, moderated("mod"), moderated("ban"));
  expect(JSON.stringify(start)).toBe(before);
  expect(after(start, ...[1, 2, 3, 4].map((seq): ServerFrame => ({ event: "message", data: message(seq) }))).timeline.map(({ seq }) => seq)).toEqual([2, 3, 4]);
});
