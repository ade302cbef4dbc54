// @vitest-environment happy-dom
/** The embed doctor's judgement: who may frame what, and what it says about it. */
import { describe, expect, it } from "vitest";
import { framing, matches } from "../doctor/ancestors";
import { codeFindings, framingFinding, hostPolicyNote, mixedFinding, originFinding, storageFindings } from "../doctor/findings";
import type { Room } from "../sdk/src";

const self = "https://chat.example.org";
const server = `${self}/chat`;
const site = "https://www.example.com";

describe("a source of frame-ancestors", () => {
  it.each([
    ["*", site, true], ["*", "http://localhost:3000", true], ["'none'", site, false], ["'self'", self, true], ["'self'", site, false],
    ["https:", site, true], ["https:", "http://www.example.com", false], ["http:", site, true],
    [site, site, true], [site, "https://www.example.com:8443", false], [`${site}/`, site, true], [site, "http://www.example.com", false],
    ["http://www.example.com", site, true], ["http://www.example.com:443", site, true],
    ["www.example.com", site, true], ["example.com", site, false],
    ["https://*.example.com", site, true], ["https://*.example.com", "https://example.com", false], ["https://*.example.com", "https://a.b.example.com", true],
    ["https://*.example.com", "https://wwwexample.com", false], ["https://example.com:*", "https://example.com:9000", true],
    ["http://localhost:3000", "http://localhost:3000", true], ["http://localhost:3000", "http://localhost:3001", false],
  ])("%s lets %s in: %s", (source, origin, allowed) => expect(matches(source, origin, self)).toBe(allowed));
});

describe("the headers", () => {
  const of = (policy: string | null, xFrameOptions: string | null = null) => framing({ policy, xFrameOptions }, site, self);
  it("without_a_word_about_frames_let_everybody", () => expect(of("default-src 'none'")).toEqual({ allowed: true, by: "silent" }));
  it("a_policy_wins_over_x_frame_options", () => expect(of("default-src 'none'; frame-ancestors *", "DENY")).toMatchObject({ allowed: true, by: "policy" }));
  it("all_policies_have_to_agree", () => {
    expect(of("frame-ancestors *, default-src 'self'; frame-ancestors 'self'")).toEqual({ allowed: false, by: "policy", header: "frame-ancestors 'self'" });
  });
  it.each(["DENY", "sameorigin", " SAMEORIGIN "])("x_frame_options_%s_refuses_strangers", (word) => expect(of(null, word)).toMatchObject({ allowed: false, by: "x-frame-options" }));
  it("x_frame_options_that_no_browser_knows_counts_for_nothing", () => expect(of(null, "ALLOWALL").allowed).toBe(true));
});

describe("what is said about the room", () => {
  const room: Room = { uid: "abcDEF012345", name: "Lounge", description: "", slowMode: 0, rules: { maxLength: 500, maxLines: 12, links: true, read: "everyone" }, timestamp: 0, allowedSites: [] };
  const listed: Room = { ...room, allowedSites: ["https://other.example"] };
  it("a_site_that_is_not_on_the_list_gets_the_call_that_adds_it", () => {
    const found = framingFinding({ policy: "frame-ancestors 'self' https://other.example", xFrameOptions: null }, listed, site, self, server);
    expect(found).toMatchObject({ verdict: "blocked", title: `The room does not let ${site} frame it` });
    expect(found.fix).toContain(`curl -X PATCH ${server}/rooms/${room.uid} `);
    expect(found.fix).toContain(`"allowed_sites":["https://other.example","${site}"]`);
  });
  it("a_header_that_the_room_did_not_ask_for_is_the_proxys", () => {
    for (const headers of [{ policy: null, xFrameOptions: "DENY" }, { policy: "frame-ancestors 'self'", xFrameOptions: null }]) {
      expect(framingFinding(headers, room, site, self, server)).toMatchObject({ verdict: "blocked", title: "A header forbids the frame" });
    }
  });
  it("a_room_without_a_list_says_so", () => {
    expect(framingFinding({ policy: "frame-ancestors *", xFrameOptions: null }, room, site, self, server).text).toContain("every site may");
  });
});

describe("what is around", () => {
  it.each([[site, "http://chat.example.org", true], [site, "https://chat.example.org", false], ["http://www.example.com", "http://chat.example.org", false], [site, "http://localhost:8080", false]])(
    "%s with a chat by %s is mixed: %s", (from, server, mixed) => expect(mixedFinding(from, server) !== null).toBe(mixed));
  it("another_parent_than_the_named_one_is_in_the_way", () => {
    expect(originFinding({ site, parent: "https://preview.example.com" })).toMatchObject({ verdict: "blocked", fix: "host=https://preview.example.com" });
    expect(originFinding({ site, parent: site })?.verdict).toBe("good");
    expect(originFinding({ site, parent: null })).toBeNull();
  });
  it("storage_is_never_in_the_way", () => {
    const facts = { framed: true, storage: true, shared: false };
    const titles = (more: object) => storageFindings({ ...facts, ...more }).filter(({ verdict }) => verdict !== "good").map(({ verdict, title }) => `${verdict}: ${title}`);
    expect(titles({})).toEqual(["note: Storage is separate for each site"]);
    expect(titles({ storage: false })).toEqual(["note: Storage is blocked here"]);
    expect(titles({ framed: false, shared: true })).toEqual([]);
  });
});

describe("pasted code", () => {
  const titles = (html: string, of = self) => codeFindings(new DOMParser().parseFromString(html, "text/html"), of, site).map(({ verdict, title }) => `${verdict}: ${title}`);
  it.each([
    [`<iframe src="${self}/embed.html?room=R" title="Chat"></iframe>`, ["good: The code is correct"]],
    [`<script src="${self}/embed.js" data-room="R" async></script>`, ["good: The code is correct"]],
    [`<script src="${self}/embed.js"></script><banter-chat room="R"></banter-chat>`, ["good: The code is correct"]],
    ["<banter-chat room=R></banter-chat>", ["blocked: The script is missing"]],
    ["<p>hello</p>", ["blocked: No chat in this code"]],
    [`<iframe src="${self}/embed.html?room=R&host=https://old.example" title="Chat"></iframe>`, ["blocked: The host is another site"]],
    [`<iframe src="/embed.html?room=R" title="Chat"></iframe>`, ["blocked: The frame's address is incomplete"]],
    [`<iframe src="${self}/?room=R" title="Chat"></iframe>`, ["blocked: The frame shows another page"]],
    [`<iframe src="${self}/embed.html" title="Chat"></iframe>`, ["blocked: The room ID is missing"]],
    [`<iframe src="https://old.example/embed.html?room=R"></iframe>`, ["blocked: The frame is from another server", "note: The frame has no title"]],
    [`<iframe sandbox="allow-scripts" src="${self}/embed.html?room=R" title="Chat"></iframe>`, ["blocked: The sandbox is too strict"]],
    [`<script type="module" src="${self}/embed.js" data-room="R"></script>`, ["blocked: The script is loaded as a module"]],
    [`<script src="${self}/embed.js"></script>`, ["blocked: The room ID is missing"]],
  ])("%s", (html, expected) => expect(titles(html)).toEqual(expected));
  it.each([
    [`<iframe src="${server}/embed.html?room=R" title="Chat"></iframe>`, ["good: The code is correct"]],
    [`<iframe src="${self}/embed.html?room=R" title="Chat"></iframe>`, ["blocked: The frame shows another page"]],
    [`<script src="${server}/embed.js" data-room="R" async></script>`, ["good: The code is correct"]],
    [`<script src="${self}/embed.js" data-room="R" async></script>`, ["blocked: There is no script at this address"]],
  ])("under a path: %s", (html, expected) => expect(titles(html, server)).toEqual(expected));
  it("a_policy_names_the_servers_origin_because_a_path_in_it_is_one_file", () => {
    expect(hostPolicyNote(server).fix).toBe(`script-src 'self' ${self}; frame-src ${self}`);
  });
});
