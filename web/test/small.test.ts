// @vitest-environment happy-dom
/** The small pure parts, a table each: colours, options, addresses, ranks, tokens, curl lines, countdowns, the announcer. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { announceEvery, Announcer } from "../chat/announcer";
import { Batch } from "../chat/batch";
import { backgrounds, colourOfHue, contrast, nameColour } from "../chat/colour";
import { spanText } from "../chat/components/clock";
import { accentStyles } from "../chat/accent";
import { chatOptions } from "../chat/options";
import { badge, mayDelete, mayModerate } from "../chat/ranks";
import { curl, requestText } from "../playground/exchange";
import { isCommand, type Message, parseFrame, type Role, type User } from "../sdk/src";
import { httpAddress, keptFor, pagesAddress, serverAddress, socketAddress } from "../shared/server";
import { tokenKey, TokenStore } from "../shared/session";

const user = (uid: string, ...roles: Role[]): User => ({ uid, displayName: uid, picture: null, countryCode: null, roles });

describe("the colour of a name", () => {
  it("is_readable_at_every_hue_on_both_themes", () => {
    for (let hue = 0; hue < 360; hue++) {
      const { light, dark } = colourOfHue(hue);
      for (const ground of [backgrounds.light, "#ffffff", "#fdf3dc"]) expect(contrast(light, ground), `hue ${hue}`).toBeGreaterThanOrEqual(4.5);
      for (const ground of [backgrounds.dark, "#16191f", "#1e222a", "#2b2616"]) expect(contrast(dark, ground), `hue ${hue}`).toBeGreaterThanOrEqual(4.5);
    }
  });
  it("is_the_same_for_the_same_user_and_differs_between_most", () => {
    expect(nameColour("abcdefghij")).toEqual(nameColour("abcdefghij"));
    expect(new Set(Array.from({ length: 50 }, (_, i) => nameColour(`user00000${i}`).light)).size).toBeGreaterThan(35);
  });
});

describe("ranks", () => {
  const mod = user("m", "registered", "mod");
  it.each<[User, boolean]>([
    [user("g", "guest"), true], [user("v", "registered", "vip"), true], [user("n", "registered", "mod"), false],
    [user("o", "registered", "owner"), false], [mod, false],
  ])("a_moderator_acts_on_lower_ranks_only: %j", (other, may) => expect(mayModerate(mod, other)).toBe(may));
  it("everyone_may_delete_their_own_message_and_only_moderators_another_s", () => {
    const message = { user: user("g", "guest") } as Message;
    expect(mayDelete(user("g", "guest"), message)).toBe(true);
    expect(mayDelete(user("h", "registered"), message)).toBe(false);
    expect(mayDelete(mod, message)).toBe(true);
    expect(mayDelete(null, message)).toBe(false);
  });
  it("the_highest_rank_is_the_badge", () => {
    expect(badge(user("a", "registered", "vip", "owner"))).toBe("owner");
    expect(badge(user("a", "guest"))).toBeNull();
  });
});

describe("addresses", () => {
  const at = (address: string) => new URL(address) as unknown as Location;
  /** A document whose meta tag names the server so. */
  const naming = (server: string) => {
    const root = document.implementation.createHTMLDocument();
    const meta = root.createElement("meta");
    meta.name = "banter-server";
    meta.content = server;
    root.head.append(meta);
    return root;
  };
  it.each([["https://chat.example/", "https://chat.example"], ["http://a:1/base/", "http://a:1/base"], ["javascript:alert(1)", null], ["", null], ["nonsense", null]])(
    "%s → %s", (text, address) => expect(httpAddress(text)).toBe(address));
  it("the_query_wins_over_the_meta_tag_which_wins_over_the_page", () => {
    const page = (search: string) => at(`https://page.example/embed.html${search}`);
    expect(serverAddress(page(""), document.implementation.createHTMLDocument())).toBe("https://page.example");
    const root = naming("https://meta.example");
    expect(serverAddress(page(""), root)).toBe("https://meta.example");
    expect(serverAddress(page("?server=https://query.example"), root)).toBe("https://query.example");
    expect(keptFor(page("?server=https://query.example"), root), "somebody's link names it").toBe("@https://query.example");
    expect(keptFor(page("?server=https://meta.example"), root)).toBe("");
    expect(keptFor(page(""), root), "the page's own server").toBe("");
  });
  it.each([
    ["https://page.example/", ".", ""], ["https://page.example/embed.html?room=r#x", "", ""], ["https://page.example/admin/", "..", ""],
    ["https://page.example/chat/", ".", "/chat"], ["https://page.example/chat/embed.html?room=r", "", "/chat"],
    ["https://page.example/chat/admin/#users", "..", "/chat"], ["https://page.example/chat/docs/index.html", "..", "/chat"],
    // A path that is called like a folder of ours.
    ["https://page.example/a/docs/", ".", "/a/docs"], ["https://page.example/a/admin/admin/", "..", "/a/admin"],
  ])("the_server_is_where_the_pages_are: %s, %s", (address, meta, path) => {
    expect(serverAddress(at(address), naming(meta))).toBe(`https://page.example${path}`);
    expect(pagesAddress(meta || ".", at(address))).toBe(`https://page.example${path}`);
  });
  it("servers_at_two_paths_of_one_host_do_not_share_a_login", () => {
    const kept = (address: string) => keptFor(at(address), naming(""));
    expect(kept("https://page.example/a/embed.html")).toBe("@https://page.example/a");
    expect(kept("https://page.example/b/embed.html")).toBe("@https://page.example/b");
    expect(kept("https://page.example/b/embed.html?server=https://page.example/a")).toBe("@https://page.example/a");
    expect(kept("https://page.example/embed.html")).toBe("");
    expect(keptFor(at("https://page.example/a/admin/"), naming("..")), "one login for all pages").toBe("@https://page.example/a");
  });
  it("the_socket_is_as_safe_as_the_server", () => {
    expect(socketAddress("https://a.example/chat")).toBe("wss://a.example/chat/ws");
    expect(socketAddress("https://a.example")).toBe("wss://a.example/ws");
    expect(socketAddress("http://a.example")).toBe("ws://a.example/ws");
  });
  it("options_are_read_from_the_query", () => {
    expect(chatOptions("?room=r&guest=1&theme=dark&session=2")).toMatchObject({ room: "r", guest: true, readonly: false, theme: "dark", session: "2", host: null });
    expect(chatOptions("?guest=0&readonly&theme=pink")).toMatchObject({ room: null, guest: false, readonly: true, theme: null, session: null, host: null });
    expect(chatOptions("?accent=0a7&fontSize=99&density=compact&noheader&hideUsers=1&lang=de&login=host")).toMatchObject({
      accent: "0a7", fontSize: 32, compact: true, noheader: true, hideUsers: true, lang: "de", hostLogin: true, overlay: false,
    });
    expect(chatOptions("?accent=red;}&fontSize=big&density=cosy")).toMatchObject({ accent: "red;}", fontSize: null, compact: false });
    expect(accentStyles("red;}")).toBe("");
    expect(chatOptions("?overlay=1&fade=5")).toMatchObject({ overlay: true, readonly: true, noheader: true, transparent: true, compact: true, theme: "dark", fade: 5 });
  });
});

describe("the token", () => {
  afterEach(() => { localStorage.clear(); vi.restoreAllMocks(); });

  it("another_window_signs_in_and_out_at_once", () => {
    const heard: (string | null)[] = [];
    const tokens = new TokenStore(tokenKey("2"));
    tokens.watch((token) => heard.push(token));
    const store = (key: string | null, newValue: string | null) => dispatchEvent(Object.assign(new Event("storage"), { key, newValue }));
    store("chat_token", "not ours");
    store("chat_token:2", "ours");
    store("chat_token:2", null);
    expect(heard).toEqual(["ours", null]);
  });
  it("a_borrowed_token_is_not_stored_and_its_end_leaves_the_stored_one_alone", () => {
    localStorage.setItem("chat_token", "kept");
    const tokens = new TokenStore(tokenKey(null));
    tokens.borrow("borrowed");
    tokens.update(null);
    expect(tokens.token).toBeNull();
    expect(localStorage.getItem("chat_token")).toBe("kept");
  });
  it("a_borrowed_token_stays_whatever_other_windows_do", () => {
    const tokens = new TokenStore(tokenKey(null));
    const heard: (string | null)[] = [];
    const store = (newValue: string | null) => dispatchEvent(Object.assign(new Event("storage"), { key: "chat_token", newValue }));
    const stop = tokens.watch((token) => heard.push(token));
    tokens.borrow("the host's");
    store("another window's");
    store(null);
    expect(heard).toEqual([]);
    expect(tokens.token).toBe("the host's");
    tokens.keep("our own");
    store("another window's");
    expect(tokens.token).toBe("another window's");
    stop();
  });
  it("a_blocked_storage_keeps_the_token_in_memory", () => {
    for (const name of ["getItem", "setItem", "removeItem"] as const) {
      vi.spyOn(Storage.prototype, name).mockImplementation(() => { throw new Error("blocked"); });
    }
    const tokens = new TokenStore(tokenKey(null));
    tokens.keep("token");
    expect(tokens.token).toBe("token");
  });
});

it("a_curl_line_survives_quotes_in_the_body", () => {
  const exchange = { method: "POST", url: "http://x/messages", headers: { Accept: "application/json" }, body: `{"message":"it's"}`, response: null };
  expect(curl(exchange)).toBe(`curl -X POST 'http://x/messages' \\\n  -H 'Accept: application/json' \\\n  --data '{"message":"it'\\''s"}'`);
  expect(requestText(exchange)).toBe(`POST http://x/messages\nAccept: application/json\n\n{\n  "message": "it's"\n}`);
});

it.each([[5, "5 sec"], [60, "1:00"], [3661, "1:01:01"], [86_400, "1 day"], [604_800, "7 days"]])("%i seconds read %s", (seconds, text) => {
  expect(spanText(seconds)).toBe(text);
});

it.each([["/ban x", true], ["!help", true], ["/", false], ["//", false], ["! wow", false], ["hello /ban", false], ["!!", false], [" /ban x", true], ["/été", false], ["/me waves", false], ["/mean", true]])("%s is a command: %s", (text, command) => {
  expect(isCommand(text)).toBe(command);
});

it.each(["", "{", "[]", "null", "7", `{"event":7}`, `{"event":"message"}`, `{"event":"message","data":null}`, `{"event":"new_in_2030","data":{}}`])(
  "junk_is_no_frame: %s", (text) => expect(parseFrame(text)).toBeNull());

it("the_announcer_reads_one_message_and_counts_a_burst", () => {
  vi.useFakeTimers();
  const announcer = new Announcer();
  announcer.add("ann: hello");
  vi.advanceTimersByTime(200);
  expect(announcer.text.value).toBe("ann: hello");
  for (let i = 0; i < 5; i++) announcer.add(`bob: ${i}`);
  expect(announcer.text.value).toBe("ann: hello");
  vi.advanceTimersByTime(announceEvery);
  expect(announcer.text.value).toBe("5 new messages");
  vi.useRealTimers();
});

it("what_is_urgent_is_said_again_when_it_happens_again", () => {
  vi.useFakeTimers();
  const announcer = new Announcer();
  announcer.interrupt("You are timed out.");
  expect(announcer.alert.value).toBe("You are timed out.");
  vi.advanceTimersByTime(announceEvery);
  expect(announcer.alert.value).toBe("");
  announcer.interrupt("You are timed out.");
  announcer.add("ann: hello");
  vi.advanceTimersByTime(announceEvery / 2);
  expect(announcer.alert.value).toBe("You are timed out.");
  vi.useRealTimers();
});

it("a_batch_that_had_to_wait_comes_again_first_and_a_flush_takes_no_for_an_answer", () => {
  vi.useFakeTimers();
  const seen: string[] = [];
  let willing = false;
  const batch = new Batch<number>((values, mayWait) => {
    seen.push(`${values.join()}${mayWait ? "" : "!"}`);
    return willing || !mayWait;
  });
  batch.add(1);
  batch.add(2);
  vi.advanceTimersToNextFrame();
  batch.add(3);
  willing = true;
  vi.advanceTimersToNextFrame();
  batch.add(4);
  batch.flush();
  batch.flush();
  vi.advanceTimersByTime(2000);
  expect(seen).toEqual(["1,2", "1,2,3", "4!"]);
  vi.useRealTimers();
});
