/** In somebody else's page: two origins, storage partitioned or blocked, the ways to sign in, the host's look, and the window of its own. */
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinAsGuest, message, messages, say, shoot } from "./browser";
import { chatKit } from "./chat-kit";
import { type Host, startHost } from "./host";

const kit = chatKit();
let host: Host;
beforeAll(async () => { host = await startHost(); });
afterAll(() => host.close());

/** A page of another site around the chat; what the chat says to it is kept in `heard`. */
async function framed(query: string, frame = "", options: Parameters<typeof kit.open>[2] = {}): Promise<Page> {
  host.pages.set("/", { body: `<!doctype html><html lang="en"><title>Host</title><style>body { margin: 0; background: #264; }</style>
    <script>window.heard = []; onmessage = (event) => heard.push([event.origin, event.data]);</script>
    <iframe title="Chat" src="${kit.backend.url}/embed.html?${query}" width="400" height="600" style="border: 0" ${frame}></iframe>` });
  return kit.open(host.url, null, { viewport: { width: 420, height: 640 }, ...options });
}
const chatIn = (page: Page) => page.frameLocator("iframe");
const heard = (page: Page) => page.evaluate(() => (window as unknown as { heard: [string, Record<string, unknown>][] }).heard);
const tell = (page: Page, words: object) => page.evaluate(([said, origin]) => {
  document.querySelector("iframe")!.contentWindow!.postMessage(said, origin as string);
}, [words, kit.backend.url] as const);
const ready = (page: Page) => expect.poll(async () => (await heard(page)).some(([, data]) => data.ready === true)).toBe(true);

/** Collects every address that any page or frame asks for, connects to or goes to. */
function listenForAddresses(context: BrowserContext, addresses: string[]): void {
  context.on("request", (request) => addresses.push(request.url()));
  context.on("page", (page) => {
    page.on("framenavigated", (frame) => addresses.push(frame.url()));
    page.on("websocket", (socket) => addresses.push(socket.url()));
  });
}

describe("signing in from a frame", () => {
  it("a_window_of_our_own_signs_in_where_the_frames_storage_is_its_own", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    const addresses: string[] = [];
    const page = await framed(`room=${room}`, "", { prepare: async (context) => listenForAddresses(context, addresses) });
    await ready(page);
    await chatIn(page).getByRole("button", { name: "Log in" }).click();
    const [popup] = await Promise.all([page.waitForEvent("popup"), chatIn(page).getByRole("button", { name: "Log in in a new window" }).click()]);
    await popup.getByLabel("Name").fill(owner.user.displayName);
    await popup.getByLabel("Password").fill("wrong wrong wrong");
    await popup.getByRole("button", { name: "Log in" }).click();
    await popup.getByRole("alert").filter({ hasText: /\w/ }).waitFor();
    await shoot(popup, "popup-login", [360]);
    await popup.getByLabel("Password").fill("correct horse battery");
    await popup.getByRole("button", { name: "Log in" }).click();
    await chatIn(page).getByRole("button", { name: new RegExp(`Logged in as ${owner.user.displayName}`) }).waitFor();
    if (!popup.isClosed()) await popup.waitForEvent("close");
    expect((await heard(page)).some(([, data]) => data.loginRequested)).toBe(false);
    await say(chatIn(page), "Signed in from another site");
    await message(chatIn(page), "Signed in from another site").waitFor();

    // The chat's own site knows me now: in a frame on yet another site it takes no password.
    const second = await page.context().newPage();
    await second.goto(host.url.replace("localhost", "other.localhost"));
    await chatIn(second).getByRole("button", { name: "Log in" }).click();
    const [again] = await Promise.all([second.waitForEvent("popup"), chatIn(second).getByRole("button", { name: "Log in in a new window" }).click()]);
    await again.getByRole("button", { name: `Continue as ${owner.user.displayName}` }).click();
    await chatIn(second).getByRole("button", { name: new RegExp(`Logged in as ${owner.user.displayName}`) }).waitFor();

    await second.goto(`${kit.backend.url}/callback.html`);
    const token = await second.evaluate(() => localStorage.getItem("chat_token"));
    expect(token).toMatch(/\w{10}/);
    for (const part of ["/embed.html", "/callback.html?popup=1", "/ws"]) expect(addresses.some((address) => address.includes(part)), part).toBe(true);
    expect(addresses.filter((address) => address.includes(token!))).toEqual([]);
  });

  it("a_window_of_our_own_signs_in_where_storage_is_blocked_altogether", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    const page = await framed(`room=${room}`, "", {
      prepare: (context) => context.addInitScript(() => {
        const blocked = () => { throw new DOMException("blocked", "SecurityError"); };
        for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { get: blocked });
      }),
    });
    await chatIn(page).getByRole("button", { name: "Log in" }).click();
    const [popup] = await Promise.all([page.waitForEvent("popup"), chatIn(page).getByRole("button", { name: "Log in in a new window" }).click()]);
    await popup.getByLabel("Name").fill(owner.user.displayName);
    await popup.getByLabel("Password").fill("correct horse battery");
    await popup.getByRole("button", { name: "Log in" }).click();
    await chatIn(page).getByRole("button", { name: /Logged in as mara/ }).waitFor();
    await say(chatIn(page), "No storage at all");
    await message(chatIn(page), "No storage at all").waitFor();
  });

  it("a_frame_that_may_not_open_windows_says_so_and_takes_name_and_password", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    const page = await framed(`room=${room}`, `sandbox="allow-scripts allow-same-origin allow-forms"`);
    await chatIn(page).getByRole("button", { name: "Log in" }).click();
    await chatIn(page).getByRole("button", { name: "Log in in a new window" }).click();
    await chatIn(page).getByText("does not let the chat open windows").waitFor();
    await shoot(page, "frame-no-popups", [420]);
    await chatIn(page).getByLabel("Name").fill(owner.user.displayName);
    await chatIn(page).getByLabel("Password").fill("correct horse battery");
    await chatIn(page).getByRole("button", { name: "Log in", exact: true }).click();
    await chatIn(page).getByRole("button", { name: /Logged in as mara/ }).waitFor();
  });

  it("the_host_signs_its_user_in_and_out_and_another_click_changes_who_i_am", async () => {
    const [owner, ann] = [await kit.person("mara"), await kit.person("ann")];
    const room = await kit.room(owner);
    const page = await framed(`room=${room}&login=host`);
    await ready(page);
    expect(await chatIn(page).getByRole("button", { name: "Register" }).count()).toBe(0);
    await chatIn(page).getByRole("button", { name: "Log in" }).click();
    await expect.poll(async () => (await heard(page)).some(([, data]) => data.loginRequested === true)).toBe(true);
    await tell(page, { login: ann.token });
    await chatIn(page).getByRole("button", { name: /Logged in as ann.* Member/ }).waitFor();
    await tell(page, { login: owner.token });
    await chatIn(page).getByRole("button", { name: /Logged in as mara.* Owner/ }).waitFor();
    await tell(page, { logout: true });
    await joinAsGuest(chatIn(page));
    await chatIn(page).getByRole("button", { name: /Logged in as .* Guest/ }).click();
    await chatIn(page).getByRole("button", { name: "Log out" }).click();
    await chatIn(page).getByRole("button", { name: "Chat as a guest" }).waitFor();
  });
});

describe("the host", () => {
  it("gives_the_chat_its_look_its_room_and_its_emotes_and_hears_what_is_unread", async () => {
    const owner = await kit.person("mara");
    const [room, other] = [await kit.room(owner, "First"), await kit.room(owner, "Second")];
    await kit.say(owner, room, "Hello Wave all");
    const page = await framed(`room=${room}&theme=light`);
    await ready(page);
    await message(chatIn(page), "Hello").waitFor();
    await tell(page, { theme: "dark" });
    await expect.poll(() => chatIn(page).locator("html").getAttribute("data-theme")).toBe("dark");
    await tell(page, { css: ":root { --surface: rgb(1, 2, 3); } .line .text { letter-spacing: 1px; }" });
    await expect.poll(() => chatIn(page).locator("body").evaluate((body) => getComputedStyle(body).backgroundColor)).toBe("rgb(1, 2, 3)");
    await tell(page, { emotes: { Wave: "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><circle cx='4' cy='4' r='4' fill='red'/></svg>" } });
    const emote = chatIn(page).getByRole("img", { name: "Wave" });
    await emote.waitFor();
    await expect.poll(() => emote.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
    await tell(page, { theme: "transparent" });
    await tell(page, { css: "" });
    await expect.poll(() => chatIn(page).locator("body").evaluate((body) => getComputedStyle(body).backgroundColor)).toBe("rgba(0, 0, 0, 0)");
    await page.screenshot({ path: "../test-output/screenshots/frame-transparent.png" });
    await tell(page, { room: other });
    await chatIn(page).getByRole("heading", { name: "Second" }).waitFor();
    await kit.say(owner, other, ...Array.from({ length: 30 }, (_, i) => `line ${i}.`));
    await message(chatIn(page), "line 29.").waitFor();
    await expect.poll(async () => {
      await chatIn(page).getByRole("log").evaluate((log) => { log.scrollTop = 0; });
      return chatIn(page).getByRole("button", { name: "Jump to latest" }).isVisible();
    }).toBe(true);
    await kit.say(owner, other, "unread one", "unread two");
    await expect.poll(async () => (await heard(page)).at(-1)?.[1].unread ?? (await heard(page)).filter(([, data]) => "unread" in data).at(-1)?.[1].unread).toBe(2);
  });

  it("a_popped_out_chat_is_signed_in_as_the_frame_was", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    const page = await framed(`room=${room}`);
    await ready(page);
    await tell(page, { login: owner.token });
    await chatIn(page).getByRole("button", { name: /Logged in as mara/ }).waitFor();
    const [popup] = await Promise.all([page.waitForEvent("popup"), chatIn(page).getByRole("button", { name: "Open in a new window" }).click()]);
    await popup.getByRole("button", { name: /Logged in as mara/ }).waitFor();
    expect(popup.url()).not.toContain(owner.token);
    await say(popup, "From my own window");
    await message(chatIn(page), "From my own window").waitFor();
    await message(popup, "From my own window").waitFor();
    expect(await messages(popup).count()).toBe(1);
  });
});
