// @vitest-environment happy-dom
/** The line to the host page: who is heard, and to whom the chat speaks. */
import { signal } from "@preact/signals";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { connectHost, hostOrigin } from "../chat/bridge";
import type { ChatStore } from "../chat/store";

describe("the host's origin", () => {
  it.each([
    ["https://named.example", ["https://real.example"], "https://referrer.example/x", "https://named.example"],
    [null, ["https://real.example"], "https://referrer.example/x", "https://real.example"],
    [null, undefined, "https://referrer.example/page", "https://referrer.example"],
    [null, ["null"], "", null],
    [null, undefined, "", null],
    ["not an address", undefined, "https://referrer.example", null],
  ])("%s, %j, %s → %s", (named, ancestors, referrer, origin) => {
    expect(hostOrigin(named, ancestors, referrer)).toBe(origin);
  });
});

describe("messages", () => {
  const host = { postMessage: vi.fn() } as unknown as Window;
  const store = {
    session: { useHostToken: vi.fn(), forgetToken: vi.fn(), problem: signal<object | null>(null), onLoginRequested: vi.fn() },
    room: { uid: signal("lobby"), viewport: { unread: signal(0) }, refused: signal(null), onMessage: vi.fn() },
    emotes: signal<ReadonlyMap<string, string> | null>(null),
  };
  const hear = (data: unknown, origin = "https://host.example", source: unknown = host) =>
    dispatchEvent(Object.assign(new Event("message"), { data, origin, source }));

  beforeEach(() => {
    vi.clearAllMocks();
    connectHost(store as unknown as ChatStore, host, "https://host.example");
  });

  it("the_hosts_login_and_logout_are_done", () => {
    hear({ login: "token" });
    hear({ logout: true });
    expect(store.session.useHostToken).toHaveBeenCalledWith("token");
    expect(store.session.forgetToken).toHaveBeenCalled();
  });

  it("another_room_is_loaded_as_a_page_of_its_own_with_the_same_options_and_the_present_one_is_left_alone", () => {
    const replace = vi.spyOn(location, "replace").mockReturnValue();
    vi.spyOn(location, "href", "get").mockReturnValue("https://chat.example/embed.html?room=lobby&theme=dark&host=https://host.example");
    hear({ room: "lobby" });
    expect(replace).not.toHaveBeenCalled();
    hear({ room: "lounge" });
    expect(String(replace.mock.lastCall?.[0])).toBe("https://chat.example/embed.html?room=lounge&theme=dark&host=https%3A%2F%2Fhost.example");
    vi.restoreAllMocks();
  });

  it("the_look_is_the_hosts_to_choose", () => {
    for (const theme of ["dark", "light"]) {
      hear({ theme });
      expect(document.documentElement.dataset.theme).toBe(theme);
    }
    hear({ theme: "transparent" });
    expect(document.documentElement.dataset.transparent).toBe("");
    hear({ theme: "auto" });
    expect(document.documentElement.dataset.transparent).toBeUndefined();
    hear({ css: ":root { --surface: #123456; }" });
    hear({ css: ":root { --surface: #654321; }" });
    const rules = document.adoptedStyleSheets.flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)).join("");
    expect(rules).toContain("#654321");
    expect(rules).not.toContain("#123456");
  });

  it("emotes_are_pictures_of_our_own_or_in_the_message_itself_and_nothing_else", () => {
    hear({ emotes: {
      Good: "data:image/png;base64,AAAA", Ours: "/emotes/ours.png", Elsewhere: "https://other.example/a.png", Script: "javascript:alert`1`",
      Page: "data:text/html,<b>", "two words": "data:image/png;base64,AAAA", Number: 7,
    } });
    expect([...(store.emotes.value ?? [])].map(([word]) => word)).toEqual(["Good", "Ours"]);
    expect(store.emotes.value?.get("Ours")).toBe(`${location.origin}/emotes/ours.png`);
  });

  it("the_host_hears_of_refusals_and_of_the_wish_to_log_in", () => {
    store.session.problem.value = { code: "slow_mode" };
    store.session.onLoginRequested();
    expect(vi.mocked(host.postMessage).mock.calls).toContainEqual([{ error: { code: "slow_mode" } }, "https://host.example"]);
    expect(vi.mocked(host.postMessage).mock.calls).toContainEqual([{ loginRequested: true }, "https://host.example"]);
    store.session.problem.value = null;
  });

  it.each([
    ["another origin", { login: "t" }, "https://evil.example", host],
    ["another window of the same origin", { login: "t" }, "https://host.example", {}],
    ["a look-alike origin", { login: "t" }, "https://host.example.evil", host],
    ["a login that is no text", { login: { token: "t" } }, "https://host.example", host],
    ["no object", "login", "https://host.example", host],
    ["nothing", null, "https://host.example", host],
  ])("%s_changes_nothing", (_, data, origin, source) => {
    hear(data, origin, source);
    expect(store.session.useHostToken).not.toHaveBeenCalled();
  });

  it("what_the_chat_says_is_addressed_to_the_host_alone", () => {
    store.room.viewport.unread.value = 3;
    expect(vi.mocked(host.postMessage).mock.calls).toContainEqual([{ ready: true }, "https://host.example"]);
    expect(vi.mocked(host.postMessage).mock.calls).toContainEqual([{ unread: 3 }, "https://host.example"]);
    expect(vi.mocked(host.postMessage).mock.calls.every((call) => String(call[1]) === "https://host.example")).toBe(true);
    store.room.viewport.unread.value = 0;
  });
});
