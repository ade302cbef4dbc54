/** When the client comes back: the bounds of the jitter, and the watchdog, on a clock of the test's own. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Realtime } from "../sdk/src";
import { delayLimit, reconnectDelay } from "../sdk/src/backoff";

const hints = { base: 500, cap: 20_000, window: 5_000 };

describe("jitter", () => {
  it.each([
    [0, false, 500], [1, false, 1000], [5, false, 16_000], [6, false, 20_000], [400, false, 20_000], [0, true, 5_000], [5, true, 16_000],
  ])("after_%i_failures_drained_%s_the_limit_is_%i_ms", (failures, drained, limit) => {
    expect(delayLimit(failures, hints, drained)).toBe(limit);
  });

  it("the_delay_is_drawn_from_the_whole_range", () => {
    expect(reconnectDelay(2, hints, false, () => 0)).toBe(0);
    expect(reconnectDelay(2, hints, false, () => 0.999_999)).toBe(1999);
  });
});

class StubSocket {
  static made: StubSocket[] = [];
  readyState = 1;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: unknown = null;
  constructor() { StubSocket.made.push(this); }
  sent: { event: string; id: number; data: { nonce: string } }[] = [];
  send(text: string): void { this.sent.push(JSON.parse(text)); }
  close(): void {}
  hear(frame: object): void { this.onmessage?.({ data: JSON.stringify(frame) }); }
}
const welcome = { event: "welcome", data: { connection: 1, heartbeat: 1000, reconnect: hints } };

describe("on a stopped clock", () => {
  let client: Realtime;
  beforeEach(() => {
    vi.useFakeTimers();
    StubSocket.made = [];
    client = new Realtime({ url: "ws://x/ws", WebSocket: StubSocket, random: () => 0.999_999 });
    client.connect();
  });
  afterEach(() => {
    client.close();
    vi.useRealTimers();
  });

  it("silence_for_more_than_two_heartbeats_counts_as_a_loss", () => {
    StubSocket.made[0]!.hear(welcome);
    vi.advanceTimersByTime(2000);
    expect(client.state.name).toBe("online");
    StubSocket.made[0]!.hear({ event: "ping" });
    vi.advanceTimersByTime(2000);
    expect(client.state.name).toBe("online");
    vi.advanceTimersByTime(1000);
    expect(client.state.name).toBe("waiting");
  });

  it("a_busy_server_is_asked_again_for_the_same_message", async () => {
    const socket = StubSocket.made[0]!;
    socket.hear(welcome);
    const sent = client.send("abcDEF012345", "once");
    const [first] = socket.sent.filter((frame) => frame.event === "sendMessage");
    socket.hear({ event: "error", id: first!.id, data: { status: 503, code: "busy", detail: "busy", retryAfter: 1 } });
    await vi.advanceTimersByTimeAsync(1000);
    const [, second] = socket.sent.filter((frame) => frame.event === "sendMessage");
    expect(second!.data.nonce).toBe(first!.data.nonce);
    socket.hear({ event: "ack", id: second!.id, data: { id: 1, seq: 1, timestamp: 0 } });
    await expect(sent).resolves.toMatchObject({ id: 1 });
  });

  it("a_socket_that_was_given_up_is_not_heard_any_more", () => {
    StubSocket.made[0]!.hear(welcome);
    vi.advanceTimersByTime(3000);
    StubSocket.made[0]!.onclose?.({ code: 4003, reason: "" });
    expect(client.state.name).toBe("waiting");
  });

  it("failures_in_a_row_double_the_wait_and_a_steady_connection_forgives_them", () => {
    const waits: number[] = [];
    const fail = () => {
      StubSocket.made.at(-1)!.onclose?.({ code: 1006, reason: "" });
      if (client.state.name === "waiting") waits.push(client.state.until - Date.now());
      vi.runOnlyPendingTimers();
    };
    fail();
    fail();
    fail();
    StubSocket.made.at(-1)!.hear(welcome);
    for (let i = 0; i < 11; i++) {
      vi.advanceTimersByTime(1000);
      StubSocket.made.at(-1)!.hear({ event: "ping" });
    }
    fail();
    expect(waits).toEqual([499, 999, 1999, 499]);
  });

  it("a_socket_that_never_says_welcome_is_given_up", () => {
    vi.advanceTimersByTime(19_999);
    expect(client.state.name).toBe("connecting");
    vi.advanceTimersByTime(1);
    expect(client.state.name).toBe("waiting");
  });

  it("a_request_without_an_answer_for_20_s_counts_as_a_loss_and_the_message_is_repeated", () => {
    StubSocket.made[0]!.hear(welcome);
    void client.send("abcDEF012345", "hello").catch(() => {});
    const [sent] = StubSocket.made[0]!.sent;
    for (let i = 0; i < 22 && client.state.name === "online"; i++) {
      vi.advanceTimersByTime(1000);
      StubSocket.made[0]!.hear({ event: "ping" });
    }
    expect(client.state.name).toBe("waiting");
    client.connect();
    StubSocket.made[1]!.hear(welcome);
    expect(StubSocket.made[1]!.sent.map((frame) => frame.data.nonce)).toEqual([sent!.data.nonce]);
  });

  it("connect_skips_the_wait", () => {
    StubSocket.made[0]!.onclose?.({ code: 1006, reason: "" });
    client.connect();
    expect(StubSocket.made).toHaveLength(2);
    vi.runOnlyPendingTimers();
    expect(StubSocket.made).toHaveLength(2);
  });
});
