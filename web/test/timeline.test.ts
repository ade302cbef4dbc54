/** The lines of a room: where messages stand, and what makes them go. */
import { describe, expect, it } from "vitest";
import type { Message, ServerFrame, TimelineItem, User } from "../sdk/src";
import { applyToTimeline } from "../sdk/src/timeline";

const user = (uid: string): User => ({ uid, displayName: uid, picture: null, countryCode: null, roles: ["guest"] });
const message = (seq: number, author = "ann"): Message => ({ id: 100 + seq, seq, room: "r", timestamp: 0, message: `m${seq}`, user: user(author) });
const frame = (seq: number, author?: string): ServerFrame => ({ event: "message", data: message(seq, author) });
const texts = (lines: readonly TimelineItem[]) => lines.map((line) => (line.kind === "message" ? line.message.message : line.kind === "system" ? line.text : `${line.name} ${line.action}`));
const after = (...frames: ServerFrame[]) => texts(applyToTimeline([], frames, "r"));

describe("a batch of frames", () => {
  it("messages_stand_at_their_seq_whatever_the_order_of_arrival", () => {
    expect(after(frame(3), frame(1), frame(2))).toEqual(["m1", "m2", "m3"]);
  });
  it("a_doubled_message_stands_once", () => {
    expect(after(frame(1), frame(2), frame(1))).toEqual(["m1", "m2"]);
  });
  it("a_deleted_message_is_gone", () => {
    expect(after(frame(1), frame(2), { event: "message_deleted", data: { room: "r", seq: 3, ids: [101] } })).toEqual(["m2"]);
  });
  it("a_purge_takes_what_lies_before_it_and_leaves_what_came_after", () => {
    expect(after(frame(1), frame(3), { event: "room_purged", data: { room: "r", seq: 2 } })).toEqual(["m3"]);
  });
  it("a_purge_of_one_author_leaves_the_others", () => {
    expect(after(frame(1), frame(2, "bob"), { event: "room_purged", data: { room: "r", seq: 3, user: "bob" } })).toEqual(["m1"]);
    expect(after(frame(1), frame(2, "bob"), { event: "room_purged", data: { room: "r", seq: 3, user: user("ann") } })).toEqual(["m2"]);
  });
  it("a_reset_empties_the_room_for_the_snapshot_that_follows", () => {
    expect(after(frame(1), { event: "reset", data: { room: "r", reason: "epoch" } },
      { event: "room_messages", data: { room: "r", messages: [message(7)], head: 7, epoch: 2 } })).toEqual(["m7"]);
  });
  it("a_new_name_shows_on_old_lines_and_keeps_the_rooms_ranks", () => {
    const moderator: ServerFrame = { event: "message", data: { ...message(1), user: { ...user("ann"), roles: ["guest", "mod"] } } };
    const [line] = applyToTimeline([], [moderator, { event: "user_updated", data: { user: { ...user("ann"), displayName: "Anna" } } }], "r");
    expect(line?.kind === "message" && line.message.user).toMatchObject({ displayName: "Anna", roles: ["guest", "mod"] });
  });
  it("a_moderation_is_told_once", () => {
    const ban: ServerFrame = { event: "user_moderated", data: { room: "r", seq: 2, user: "ann", action: "ban" } };
    expect(after(frame(1), ban, ban)).toEqual(["m1", "ann ban"]);
  });
  it("another_rooms_frames_change_nothing", () => {
    const lines = applyToTimeline([], [frame(1)], "r");
    expect(applyToTimeline(lines, [{ event: "message", data: { ...message(2), room: "other" } }], "r")).toBe(lines);
  });
});
