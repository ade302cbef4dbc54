/** The realtime client against a fake server over real sockets: what survives a loss, and when it comes back. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket as NodeSocket } from "ws";
import { Realtime, type RealtimeEvent, type RealtimeOptions } from "../sdk/src";
import { FakeServer } from "./fake/server";

let server: FakeServer;
let room: string;
const open: Realtime[] = [];

beforeEach(async () => {
  server = await new FakeServer().start();
  room = server.world.createRoom(server.world.guest().user.uid, "Lounge").room.uid;
});

afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  await server.stop();
});

function connect(options: Partial<RealtimeOptions> = {}) {
  const client = new Realtime({ url: server.socketUrl, random: () => 0, WebSocket: NodeSocket, ...options });
  const heard: RealtimeEvent[] = [];
  client.listen((event) => heard.push(event));
  open.push(client);
  client.join(room);
  client.connect();
  const texts = () => heard.flatMap((e) => {
    if (e.type !== "frame") return [];
    if (e.frame.event === "room_messages") return e.frame.data.messages.map((m) => m.message);
    return e.frame.event === "message" ? [e.frame.data.message] : [];
  });
  return { client, heard, texts };
}

/** The next event that fits, from now on. */
function next<T extends RealtimeEvent>(client: Realtime, fits: (event: RealtimeEvent) => event is T): Promise<T> {
  return new Promise((resolve) => {
    const stop = client.listen((event) => {
      if (!fits(event)) return;
      stop();
      resolve(event);
    });
  });
}
const isJoined = (e: RealtimeEvent) => e.type === "joined";
const isToken = (e: RealtimeEvent) => e.type === "token";
const isEnded = (e: RealtimeEvent): e is Extract<RealtimeEvent, { type: "state" }> => e.type === "state" && e.state.name === "ended";
const isFrame = (name: string) => (e: RealtimeEvent): e is Extract<RealtimeEvent, { type: "frame" }> => e.type === "frame" && e.frame.event === name;

const post = (text: string) => {
  const { user } = server.world.guest();
  return server.world.post(user.uid, server.world.find(room), text);
};
const lastJoin = () => server.received.findLast((frame) => frame.event === "join")?.data;

describe("resume", () => {
  it("a_viewer_who_was_cut_off_hears_what_was_missed_once_and_in_order", async () => {
    const { client, texts } = connect();
    await next(client, isJoined);
    const heard = next(client, isFrame("message"));
    post("one");
    await heard;
    server.cut();
    post("two");
    post("three");
    await next(client, isJoined);
    expect(texts()).toEqual(["one", "two", "three"]);
    expect(lastJoin()).toEqual({ uid: room, since: 1, epoch: 1 });
  });

  it("an_acknowledgement_of_an_own_message_does_not_move_the_cursor", async () => {
    const { token } = server.world.guest();
    const { client } = connect({ token });
    await next(client, isJoined);
    server.world.publish = () => {};
    await client.send(room, "hello");
    expect(client.seen(room)).toBe(0);
  });

  it("another_epoch_makes_the_server_reset_the_room_and_the_client_starts_afresh", async () => {
    post("before");
    const { client, heard } = connect();
    await next(client, isJoined);
    server.world.find(room).epoch = 2;
    server.world.find(room).seq = 0;
    server.world.find(room).log = [];
    const again = next(client, isJoined);
    server.cut();
    await again;
    expect(heard.some((e) => e.type === "frame" && e.frame.event === "reset")).toBe(true);
    expect(client.seen(room)).toBe(0);
    const third = next(client, isJoined);
    server.cut();
    await third;
    expect(lastJoin()).toEqual({ uid: room, since: 0, epoch: 2 });
  });

  it("several_rooms_come_back_on_one_socket", async () => {
    const other = server.world.createRoom(server.world.guest().user.uid, "Other").room.uid;
    const { client } = connect();
    client.join(other);
    await next(client, (e): e is Extract<RealtimeEvent, { type: "joined" }> => e.type === "joined" && e.ack.room === other);
    server.received.length = 0;
    server.cut();
    await next(client, (e): e is Extract<RealtimeEvent, { type: "joined" }> => e.type === "joined" && e.ack.room === other);
    expect(server.received.map((frame) => frame.event)).toEqual(["join", "join"]);
  });

  it("a_deleted_room_is_not_joined_again", async () => {
    const { client } = connect();
    await next(client, isJoined);
    server.world.publish(room, { event: "reset", data: { room, reason: "deleted" } });
    await next(client, isFrame("reset"));
    server.received.length = 0;
    server.cut();
    await next(client, (e): e is RealtimeEvent => e.type === "state" && e.state.name === "online");
    expect(server.received).toEqual([]);
  });
});

describe("sending", () => {
  it("an_unacknowledged_message_is_repeated_with_its_nonce_and_stands_once_in_the_history", async () => {
    const { token } = server.world.guest();
    const { client } = connect({ token });
    await next(client, isJoined);
    server.swallowAcks = true;
    const arrived = next(client, isFrame("message"));
    const sent = client.send(room, "hello");
    await arrived;
    server.swallowAcks = false;
    server.cut();
    const ack = await sent;
    const nonces = server.received.flatMap((f) => (f.event === "sendMessage" ? [f.data.nonce] : []));
    expect(nonces).toHaveLength(2);
    expect(new Set(nonces).size).toBe(1);
    expect(server.world.messages(server.world.find(room)).map((m) => m.id)).toEqual(["id" in ack ? ack.id : 0]);
  });

  it("a_message_is_never_repeated_as_somebody_elses", async () => {
    const { client } = connect({ token: server.world.guest().token });
    await next(client, isJoined);
    server.swallowAcks = true;
    const arrived = next(client, isFrame("message"));
    const sent = client.send(room, "from me");
    await arrived;
    const joined = next(client, isJoined);
    client.setToken(server.world.guest().token);
    await joined;
    server.cut();
    await expect(sent).rejects.toMatchObject({ problem: { code: "signed_out" } });
    expect(server.received.filter((frame) => frame.event === "sendMessage")).toHaveLength(1);
  });

  it("a_message_outlives_the_token_under_which_it_was_written_when_that_is_renewed", async () => {
    const { token, user } = server.world.guest();
    const { client } = connect({ token, renew: async () => server.world.signIn(user.uid).token });
    await next(client, isJoined);
    server.swallowMessages = true;
    const sent = client.send(room, "still mine");
    await expect.poll(() => server.received.some((frame) => frame.event === "sendMessage"), { timeout: 20_000 }).toBe(true);
    server.swallowMessages = false;
    server.closeAll(4010);
    expect(await sent).toMatchObject({ seq: 1 });
  });

  it("a_message_written_while_offline_goes_out_after_the_reconnect", async () => {
    const { token } = server.world.guest();
    const { client } = connect({ token });
    await next(client, isJoined);
    await server.stop();
    const sent = client.send(room, "from the tunnel");
    await server.start();
    client.connect();
    expect(await sent).toMatchObject({ seq: 1 });
  });

  it("a_command_that_may_have_run_is_not_repeated", async () => {
    const { token } = server.world.guest();
    const { client } = connect({ token });
    await next(client, isJoined);
    server.swallowAcks = true;
    const ran = next(client, isFrame("system"));
    const sent = client.send(room, "/echo hi");
    await ran;
    server.cut();
    await expect(sent).rejects.toMatchObject({ problem: { code: "connection_lost" } });
  });

  it("a_refusal_rejects_with_the_servers_problem", async () => {
    const { client } = connect();
    await next(client, isJoined);
    await expect(client.send(room, "hello")).rejects.toMatchObject({ problem: { status: 401, code: "unauthorized" } });
  });
});

describe("identity", () => {
  it("the_token_travels_as_a_subprotocol_and_no_login_frame_is_needed", async () => {
    const { token } = server.world.guest();
    const { client, heard } = connect({ token });
    await next(client, isJoined);
    expect(server.handshakes).toEqual([["banter.v1", `bearer.${token}`]]);
    expect(server.received.map((f) => f.event)).toEqual(["join"]);
    expect(heard.some((e) => e.type === "frame" && e.frame.event === "auth_updated")).toBe(true);
  });

  it("a_token_that_the_handshake_refuses_is_dropped_and_the_client_comes_back_anonymously", async () => {
    const { client } = connect({ token: "stale" });
    const event = await next(client, isToken);
    expect(event).toMatchObject({ token: null, reason: { code: "token_ended" } });
    expect(server.handshakes).toEqual([["banter.v1", "bearer.stale"], ["banter.v1"]]);
    expect(client.state.name).toBe("online");
  });

  it("signing_in_on_an_open_socket_sends_a_login_and_joins_again_for_the_rooms_ranks", async () => {
    const { client } = connect();
    await next(client, isJoined);
    client.setToken(server.world.guest().token);
    await next(client, isJoined);
    expect(server.received.map((f) => f.event)).toEqual(["join", "login", "join"]);
    client.setToken(null);
    await next(client, (e): e is RealtimeEvent => e.type === "frame" && e.frame.event === "auth_updated" && e.frame.data.user === null);
  });
});

describe("a typed login", () => {
  it("brings_its_token_which_the_next_connection_carries", async () => {
    server.world.register("ruth", "longenough");
    const { client } = connect({ token: server.world.guest().token });
    await next(client, isJoined);
    const [event] = await Promise.all([next(client, isToken), client.send(room, "/login ruth longenough")]);
    expect(event).toMatchObject({ token: expect.stringMatching(/^token-/), reason: null });
    server.cut();
    await next(client, isJoined);
    expect(server.handshakes.at(-1)).toEqual(["banter.v1", `bearer.${(event as { token: string }).token}`]);
  });

  it("a_typed_logout_lets_go_of_the_token_and_of_no_unsent_message", async () => {
    const { client } = connect({ token: server.world.guest().token });
    await next(client, isJoined);
    const [event] = await Promise.all([next(client, isToken), client.send(room, "/logout")]);
    expect(event).toMatchObject({ token: null, reason: null });
    server.cut();
    await next(client, isJoined);
    expect(server.handshakes.at(-1)).toEqual(["banter.v1"]);
  });

  it("our_own_logout_takes_nothing_from_whoever_signs_in_right_after", async () => {
    const { client, heard } = connect({ token: server.world.guest().token });
    await next(client, isJoined);
    client.setToken(null);
    client.setToken(server.world.guest().token);
    await next(client, isJoined);
    expect(heard.some(isToken)).toBe(false);
  });
});

describe("close codes", () => {
  it.each([1006, 1012, 1013, 4008])("after_%i_the_client_comes_back", async (code) => {
    const { client } = connect();
    await next(client, isJoined);
    const again = next(client, isJoined);
    if (code === 1006) server.cut();
    else server.closeAll(code);
    await again;
    expect(server.handshakes).toHaveLength(2);
  });

  it.each([[4003, "banned"], [4009, "too_many"]] as const)("after_%i_it_stays_away_and_says_why", async (code, reason) => {
    const { client } = connect();
    await next(client, isJoined);
    const ended = next(client, isEnded);
    server.closeAll(code, "Because.");
    expect((await ended).state).toEqual({ name: "ended", reason, detail: "Because." });
    await expect(client.send(room, "hello")).rejects.toMatchObject({ problem: { code: "not_connected" } });
  });

  it("after_4001_the_token_is_gone_and_the_client_reads_on_anonymously", async () => {
    const { client } = connect({ token: server.world.guest().token });
    await next(client, isJoined);
    const dropped = next(client, isToken);
    const again = next(client, isJoined);
    server.closeAll(4001);
    expect((await dropped).token).toBeNull();
    await again;
    expect(server.handshakes.at(-1)).toEqual(["banter.v1"]);
  });

  it("who_connects_on_hearing_that_the_token_ended_is_online_with_one_socket", async () => {
    const { client, heard } = connect({ token: server.world.guest().token });
    await next(client, isJoined);
    client.listen((event) => { if (event.type === "token") client.connect(); });
    const again = next(client, isJoined);
    heard.length = 0;
    server.closeAll(4001);
    await again;
    expect(heard.flatMap((event) => (event.type === "state" ? [event.state.name] : []))).toEqual(["waiting", "connecting", "online"]);
    expect(server.handshakes).toHaveLength(2);
  });

  it("after_4010_the_token_is_renewed_before_the_client_comes_back", async () => {
    const { token, user } = server.world.guest();
    const fresh = server.world.signIn(user.uid).token;
    const { client } = connect({ token, renew: async (old) => (old === token ? fresh : null) });
    await next(client, isJoined);
    const renewed = next(client, isToken);
    const again = next(client, isJoined);
    server.closeAll(4010);
    expect(await renewed).toMatchObject({ token: fresh });
    await again;
    expect(server.handshakes.at(-1)).toEqual(["banter.v1", `bearer.${fresh}`]);
  });

  it("a_room_that_refuses_is_reported_and_left_alone", async () => {
    const { client, heard } = connect();
    await next(client, isJoined);
    client.join("nowhere00000");
    await next(client, (e) => e.type === "refused");
    expect(heard.at(-1)).toMatchObject({ type: "refused", room: "nowhere00000", problem: { status: 404 } });
  });
});

it("a_ping_is_answered_and_not_passed_on", async () => {
  const { client, heard } = connect();
  await next(client, isJoined);
  const [viewer] = server.viewers;
  const asked = new Promise<void>((done) => viewer!.socket.once("message", () => done()));
  server.say(viewer!, { event: "ping" });
  await asked;
  expect(server.received.at(-1)).toEqual({ event: "pong" });
  expect(heard.some((e) => e.type === "frame" && e.frame.event === "ping")).toBe(false);
});
