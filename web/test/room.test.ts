/** A room's transcript over real sockets: order, what is taken away, and one's own messages until they are there. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket as NodeSocket } from "ws";
import { type Message, Realtime, type RealtimeOptions, Transcript } from "../sdk/src";
import { FakeServer } from "./fake/server";

let server: FakeServer;
let room: string;
let client: Realtime;
let transcript: Transcript;

beforeEach(async () => {
  server = await new FakeServer().start();
  room = server.world.createRoom(server.world.guest().user.uid, "Lounge").room.uid;
});
afterEach(async () => {
  client.close();
  await server.stop();
});

function enter(options: Partial<RealtimeOptions> & { limit?: number } = {}): Promise<void> {
  client = new Realtime({ url: server.url, random: () => 0, WebSocket: NodeSocket, ...options });
  transcript = new Transcript(client, room, options);
  client.connect();
  return until(() => transcript.joined);
}

/** Waits for the transcript to become so. */
function until(so: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = transcript.listen(() => {
      if (!so()) return;
      stop();
      resolve();
    });
    if (so()) resolve();
  });
}

const texts = () => transcript.messages.map(({ message }) => message);
const pending = () => transcript.pending.map(({ text }) => text);
const world = () => server.world.find(room);
const post = (text: string, author = server.world.guest().user.uid): Message => server.world.post(author, world(), text);

describe("what is there", () => {
  it("history_and_what_comes_live_stand_in_order_once", async () => {
    post("one");
    await enter();
    post("two");
    await until(() => texts().length === 2);
    await transcript.older(Promise.resolve(server.world.messages(world())));
    expect(texts()).toEqual(["one", "two"]);
  });

  it("older_history_goes_in_front", async () => {
    const message = post("three");
    await enter();
    await transcript.older(Promise.resolve([{ ...message, id: 900, seq: message.seq - 1, message: "two" }, { ...message, id: 901, seq: message.seq - 2, message: "one" }]));
    expect(texts()).toEqual(["one", "two", "three"]);
  });

  it("what_is_deleted_while_older_history_is_under_way_does_not_come_back", async () => {
    const [ann, bob] = [server.world.guest().user.uid, server.world.guest().user.uid];
    const deleted = post("deleted", ann);
    for (const [text, author] of [["purged", bob], ["kept", ann]] as const) post(text, author);
    const page = server.world.messages(world());
    await enter();
    let arrive = (_: readonly Message[]) => {};
    const placed = transcript.older(new Promise((resolve) => { arrive = resolve; }));
    server.world.delete(ann, deleted.id);
    server.world.append(world(), (seq) => ({ event: "room_purged", data: { room, seq, user: bob } }));
    await until(() => texts().join() === "kept");
    arrive(page);
    await placed;
    expect(texts()).toEqual(["kept"]);
  });

  it("a_page_that_does_not_arrive_changes_nothing_and_says_so", async () => {
    post("one");
    await enter();
    await expect(transcript.older(Promise.reject(new Error("unreachable")))).rejects.toThrow("unreachable");
    expect(texts()).toEqual(["one"]);
  });

  it("deleted_and_purged_messages_are_gone", async () => {
    const [ann, bob] = [server.world.guest().user.uid, server.world.guest().user.uid];
    const first = post("one", ann);
    for (const [text, author] of [["two", bob], ["three", ann]] as const) post(text, author);
    await enter();
    server.world.delete(ann, first.id);
    await until(() => texts().join() === "two,three");
    server.world.append(world(), (seq) => ({ event: "room_purged", data: { room, seq, user: bob } }));
    await until(() => texts().join() === "three");
    server.world.append(world(), (seq) => ({ event: "room_purged", data: { room, seq } }));
    await until(() => texts().length === 0);
  });

  it("only_the_newest_are_kept", async () => {
    await enter({ limit: 3 });
    for (let i = 1; i <= 5; i++) post(`m${i}`);
    await until(() => texts().at(-1) === "m5");
    expect(texts()).toEqual(["m3", "m4", "m5"]);
  });

  it("a_room_that_is_not_there_says_why", async () => {
    room = "nowhere00000";
    void enter();
    await until(() => transcript.refused !== null);
    expect(transcript.refused).toMatchObject({ status: 404 });
  });

  it("viewers_are_counted", async () => {
    await enter();
    await until(() => transcript.viewers === 1);
    const other = new Realtime({ url: server.socketUrl, WebSocket: NodeSocket });
    other.join(room);
    other.connect();
    await until(() => transcript.viewers === 2);
    other.close();
    await until(() => transcript.viewers === 1);
  });
});

describe("one's own messages", () => {
  it("stand_in_pending_from_the_first_moment_and_never_in_both_lists", async () => {
    const { token } = server.world.guest();
    await enter({ token });
    let doubled = 0;
    transcript.listen(() => { if (texts().includes("hello") && pending().includes("hello")) doubled++; });
    const sent = transcript.send("hello");
    expect(pending()).toEqual(["hello"]);
    await sent;
    await until(() => texts().includes("hello"));
    expect(pending()).toEqual([]);
    expect(doubled).toBe(0);
  });

  it("two_with_the_same_text_both_arrive", async () => {
    const { token } = server.world.guest();
    await enter({ token });
    await Promise.all([transcript.send("again"), transcript.send("again")]);
    await until(() => texts().length === 2 && pending().length === 0);
    expect(texts()).toEqual(["again", "again"]);
  });

  it("the_same_text_from_another_window_of_ours_is_not_taken_for_it_for_long", async () => {
    const { token, user } = server.world.guest();
    await enter({ token });
    server.swallowMessages = true;
    transcript.send("hello").catch(() => {});
    post("hello", user.uid);
    await until(() => texts().length === 1);
    server.swallowMessages = false;
    server.cut();
    await until(() => texts().length === 2 && pending().length === 0);
  });

  it("a_refused_one_stays_with_the_reason_and_can_be_sent_again_or_dropped", async () => {
    const { token, user } = server.world.guest();
    await enter({ token });
    const root = [...server.world.accounts.values()].find(({ username }) => username === "root")!.user.uid;
    server.world.sanction(root, { user: user.uid, room, kind: "timeout", duration: "1h" });
    await expect(transcript.send("hello")).rejects.toMatchObject({ problem: { code: "timed_out" } });
    expect(transcript.pending).toMatchObject([{ text: "hello", problem: { code: "timed_out" } }]);
    server.world.lift(root, { user: user.uid, room });
    const [{ nonce } = { nonce: "" }] = transcript.pending;
    transcript.retry(nonce);
    expect(transcript.pending[0]).not.toHaveProperty("problem");
    await until(() => texts().includes("hello") && pending().length === 0);

    server.world.sanction(root, { user: user.uid, room, kind: "timeout", duration: "1h" });
    await transcript.send("never").catch(() => {});
    transcript.discard(transcript.pending[0]!.nonce);
    expect(pending()).toEqual([]);
  });

  it("one_written_while_offline_waits_and_then_arrives", async () => {
    const { token } = server.world.guest();
    await enter({ token });
    await server.stop();
    void transcript.send("from the tunnel");
    expect(pending()).toEqual(["from the tunnel"]);
    await server.start();
    client.connect();
    await until(() => texts().includes("from the tunnel") && pending().length === 0);
  });

  it("a_command_leaves_nothing_behind", async () => {
    const { token } = server.world.guest();
    await enter({ token });
    await transcript.send("/echo hi");
    expect(pending()).toEqual([]);
    expect(texts()).toEqual([]);
  });
});
