// @vitest-environment happy-dom
/** The chat window over the fake server: what the reader sees and can do, through the real store and components. */
import { render } from "preact";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket as NodeSocket } from "ws";
import { Chat } from "../chat/components/chat";
import { chatOptions } from "../chat/options";
import { send } from "../chat/sending";
import { ChatStore } from "../chat/store";
import { Realtime, Rest, type Role, type Session } from "../sdk/src";
import { TokenStore } from "../shared/session";
import { eventually } from "./eventually";
import { FakeServer } from "./fake/server";

let server: FakeServer;
let owner: Session;
let room: string;
let realtime: Realtime;
let store: ChatStore;

beforeEach(async () => {
  server = await new FakeServer().start();
  owner = server.world.register("mara", "long enough");
  room = server.world.createRoom(owner.user.uid, "Lounge").room.uid;
});
afterEach(async () => {
  realtime.close();
  render(null, document.body);
  localStorage.clear();
  await server.stop();
});

async function open(session: Session | null, options = ""): Promise<void> {
  if (session) localStorage.setItem("chat_token", session.token);
  const tokens = new TokenStore("chat_token");
  realtime = new Realtime({ url: server.socketUrl, token: tokens.token, random: () => 0, WebSocket: NodeSocket as unknown as typeof WebSocket });
  const rest = new Rest({ base: server.url, token: () => tokens.token });
  store = new ChatStore({ rest, realtime, tokens });
  render(<Chat store={store} options={chatOptions(`?room=${room}${options}`)} />, document.body);
  await store.start(room, false);
  await eventually(() => expect(store.room.joined.value).toBe(true));
}

const say = (by: Session, text: string) => server.world.post(by.user.uid, server.world.find(room), text);
const texts = () => [...document.querySelectorAll(".line[data-id] .text")].map((node) => node.textContent);
const seen = (text: string) => eventually(() => expect(document.body.textContent).toContain(text));
const box = () => document.querySelector("textarea")!;
function type(text: string): void {
  box().value = text;
  box().dispatchEvent(new Event("input", { bubbles: true }));
}
const enter = (init: KeyboardEventInit = {}) => box().dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...init }));
const button = (name: string) => [...document.querySelectorAll("button")].find((node) => (node.getAttribute("aria-label") ?? node.textContent) === name)!;

describe("reading", () => {
  it("text_is_text_and_never_markup", async () => {
    say(owner, "<img src=x onerror=alert(1)>");
    await open(null);
    await seen("<img src=x");
    expect(document.querySelector("img")).toBeNull();
  });

  it("deleted_and_purged_messages_go_at_once", async () => {
    const first = say(owner, "one");
    say(owner, "two");
    await open(null);
    await eventually(() => expect(texts()).toEqual(["one", "two"]));
    server.world.delete(owner.user.uid, first.id);
    await eventually(() => expect(texts()).toEqual(["two"]));
    const log = server.world.find(room);
    server.world.append(log, (seq) => ({ event: "room_purged", data: { room, seq } }));
    await eventually(() => expect(texts()).toEqual([]));
  });

  it("a_line_that_is_walked_to_says_what_was_written", async () => {
    say(owner, "listen");
    await open(null);
    await seen("listen");
    const line = document.querySelector(".line[data-id]")!;
    expect(line.getAttribute("aria-label")).toContain("mara");
    expect(document.getElementById(line.getAttribute("aria-describedby")!)?.textContent).toBe("listen");
  });

  it("the_log_is_silent_and_has_a_name_and_one_polite_voice_speaks", async () => {
    await open(null);
    const log = document.querySelector('[role="log"]')!;
    expect(log.getAttribute("aria-live")).toBe("off");
    expect(log.getAttribute("aria-label")).toBe("Messages");
    say(owner, "hello");
    await eventually(() => expect(document.querySelector('[aria-live="polite"]')?.textContent).toBe("mara: hello"));
  });

  it("a_day_is_named_once_whatever_stands_between_its_messages", async () => {
    const ann = server.world.register("ann", "long enough");
    for (const text of ["one", "two"]) {
      say(owner, text).timestamp -= 86_400_000;
      if (text === "one") server.world.sanction(owner.user.uid, { user: ann.user.uid, room, kind: "timeout", duration: "10m" });
    }
    say(owner, "three");
    await open(null);
    await eventually(() => expect(texts()).toEqual(["one", "two", "three"]));
    expect([...document.querySelectorAll(".day")].map((node) => node.textContent)).toEqual(["yesterday", "today"]);
  });

  it("a_deleted_room_says_so", async () => {
    await open(null);
    server.world.publish(room, { event: "reset", data: { room, reason: "deleted" } });
    await seen("This room was deleted");
  });
});

describe("writing", () => {
  it("enter_sends_shift_enter_does_not_and_neither_does_an_enter_that_ends_a_composed_word", async () => {
    await open(owner);
    await eventually(() => expect(store.room.me.value).not.toBeNull());
    type("こんにちは");
    await eventually(() => expect(button("Send").disabled).toBe(false));
    enter({ isComposing: true });
    enter({ shiftKey: true });
    expect(store.room.pending.value).toHaveLength(0);
    enter();
    await eventually(() => expect(texts()).toEqual(["こんにちは"]));
    expect(store.room.pending.value).toHaveLength(0);
  });

  it("a_refused_text_stays_with_the_reason_and_can_be_sent_again", async () => {
    const ann = server.world.register("ann", "long enough");
    server.world.sanction(owner.user.uid, { user: ann.user.uid, room, kind: "timeout", duration: "10m" });
    await open(ann);
    await eventually(() => expect(store.room.me.value).not.toBeNull());
    send(store, "let me speak");
    await seen("Not sent: You are timed out.");
    await seen("You are timed out for 10:00.");
    server.world.lift(owner.user.uid, { user: ann.user.uid, room });
    await eventually(() => expect(store.room.mutedUntil.value).toBe(0));
    button("Send again").click();
    await eventually(() => expect(texts()).toEqual(["let me speak"]));
    expect(document.body.textContent).not.toContain("Not sent");
  });

  it("names_are_offered_of_those_who_spoke_and_of_those_who_are_here_only_where_they_are_shown", async () => {
    const [anna, annika] = [server.world.register("anna", "long enough"), server.world.register("annika", "long enough")];
    say(anna, "I spoke");
    for (const [options, names] of [["", ["anna", "annika"]], ["&hideUsers=1", ["anna"]]] as const) {
      await open(owner, options);
      await eventually(() => expect(box()).not.toBeNull());
      store.room.update((state) => ({ ...state, users: [annika.user] }));
      type("@ann");
      await eventually(() => expect([...document.querySelectorAll(".suggestions bdi")].map((node) => node.textContent)).toEqual(names));
      type("");
      realtime.close();
      render(null, document.body);
    }
  });

  it("a_message_too_long_is_counted_and_not_sent", async () => {
    await open(owner);
    await eventually(() => expect(box()).not.toBeNull());
    type("x".repeat(501));
    await seen("1 too many");
    expect(button("Send").disabled).toBe(true);
    type("😀".repeat(490));
    await seen("10 left");
  });
});

describe("identity", () => {
  it("a_login_box_stands_where_the_box_will_be_and_a_guest_is_one_click_away", async () => {
    await open(null);
    expect(box()).toBeNull();
    button("Chat as a guest").click();
    await eventually(() => expect(box()).not.toBeNull());
    expect(localStorage.getItem("chat_token")).toMatch(/^token-/);
    await seen("guest");
  });

  it("a_typed_login_is_kept_and_its_password_is_nowhere_to_be_seen", async () => {
    server.world.register("ruth", "longenough");
    await open(owner);
    await eventually(() => expect(box()).not.toBeNull());
    send(store, "/login ruth wrong-one");
    expect(store.room.pending.value).toEqual([]);
    await seen("The name or the password is wrong.");
    send(store, "/login ruth longenough");
    await eventually(() => expect(store.room.me.value?.displayName).toBe("ruth"));
    expect(server.world.holder(localStorage.getItem("chat_token"))?.username).toBe("ruth");
    expect(document.body.textContent).not.toMatch(/wrong-one|longenough/);
    send(store, "/logout");
    await eventually(() => expect(button("Chat as a guest")).toBeDefined());
    expect(store.session.token).toBeNull();
    expect(store.room.pending.value).toEqual([]);
  });

  it("a_token_that_ended_leads_back_to_the_login_box_with_the_reason", async () => {
    await open(owner);
    await eventually(() => expect(store.room.me.value).not.toBeNull());
    server.world.tokens.clear();
    server.closeAll(4001, "You were logged out elsewhere.");
    await seen("You were logged out elsewhere.");
    expect(button("Chat as a guest")).toBeDefined();
    expect(localStorage.getItem("chat_token")).toBeNull();
  });

  it("a_guest_reads_before_there_is_a_login", async () => {
    say(owner, "already there");
    realtime = new Realtime({ url: server.socketUrl, random: () => 0, WebSocket: NodeSocket as unknown as typeof WebSocket });
    store = new ChatStore({ rest: new Promise(() => {}), realtime, tokens: new TokenStore("chat_token") });
    void store.start(room, true);
    await eventually(() => expect(store.room.viewport.view.value).toHaveLength(1));
  });

  it("what_one_may_do_is_not_told_by_an_answer_for_a_rank_that_is_gone", async () => {
    await open(owner);
    await eventually(() => expect(store.moderation.moderates.value).toBe(true));
    let answer = () => {};
    const late = new Promise<{ capabilities: ["purge"] }>((resolve) => { answer = () => resolve({ capabilities: ["purge"] }); });
    store.session.rest.capabilities = vi.fn().mockReturnValueOnce(late).mockResolvedValue({ capabilities: [] });
    const becomes = (...roles: Role[]) => store.room.update((state) => ({ ...state, me: { ...state.me!, roles } }));
    becomes("registered", "mod");
    await eventually(() => expect(store.session.rest.capabilities).toHaveBeenCalled());
    becomes("registered");
    answer();
    await late;
    await new Promise((resolve) => setTimeout(resolve));
    expect([...store.moderation.capabilities.value]).toEqual([]);
  });

  it("ranks_of_the_room_are_learned_from_the_join", async () => {
    await open(owner);
    await eventually(() => expect(store.moderation.moderates.value).toBe(true));
    say(server.world.guest(), "hi");
    await eventually(() => expect(document.querySelector(".line[data-id]")).not.toBeNull());
    await eventually(() => {
      document.querySelector<HTMLElement>(".line[data-id]")!.click();
      expect(document.querySelector(".more")).not.toBeNull();
    });
  });

  it("a_banned_user_sees_the_door_and_comes_back_when_the_ban_is_lifted", async () => {
    const ann = server.world.register("ann", "long enough");
    await open(ann);
    await eventually(() => expect(store.room.me.value).not.toBeNull());
    server.world.sanction(owner.user.uid, { user: ann.user.uid, room });
    await seen("You are banned here");
    server.world.lift(owner.user.uid, { user: ann.user.uid, room });
    button("Try again").click();
    await eventually(() => expect(box()).not.toBeNull());
  });

  it("what_was_read_before_a_ban_does_not_stand_beside_what_came_long_after", async () => {
    const ann = server.world.register("ann", "long enough");
    say(owner, "before");
    await open(ann);
    await seen("before");
    await eventually(() => expect(store.room.me.value).not.toBeNull());
    server.world.sanction(owner.user.uid, { user: ann.user.uid, room });
    await seen("You are banned here");
    for (let i = 1; i <= 60; i++) say(owner, `missed ${i}`);
    server.world.lift(owner.user.uid, { user: ann.user.uid, room });
    button("Try again").click();
    await eventually(() => expect(texts()).toEqual(Array.from({ length: 50 }, (_, i) => `missed ${i + 11}`)));
  });

  it("a_ban_that_came_and_went_while_we_were_away_does_not_keep_us_out", async () => {
    const ann = server.world.register("ann", "long enough");
    await open(ann);
    await eventually(() => expect(store.room.me.value).not.toBeNull());
    await server.stop();
    server.world.sanction(owner.user.uid, { user: ann.user.uid, room });
    server.world.lift(owner.user.uid, { user: ann.user.uid, room });
    say(owner, "welcome back");
    await server.start();
    realtime.connect();
    await seen("welcome back");
    await eventually(() => expect(box()).not.toBeNull());
    say(owner, "and live again");
    await eventually(() => expect(texts()).toEqual(["welcome back", "and live again"]));
  });

  it("a_ban_from_another_room_closes_no_door_here", async () => {
    await open(owner);
    await eventually(() => expect(store.room.me.value).not.toBeNull());
    for (const viewer of server.viewers) {
      server.say(viewer, { event: "user_moderated", data: { room: "elsewhere0000", seq: 1, user: owner.user, action: "ban" } });
    }
    say(owner, "still here");
    await seen("still here");
    expect(store.room.refused.value).toBeNull();
  });
});
