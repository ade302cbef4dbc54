/** The loader on a site of another origin: what it makes, whom it hears, and what it says when the frame is refused. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Rest, type Session } from "../sdk/src";
import { type Backend, startBackend } from "./backend";
import { faultsOf, launchBrowser, message } from "./browser";
import { type Host, startHost } from "./host";

type BanterChat = HTMLElement & { room: string; theme: string; login(token: string): void; logout(): void; css(text: string): void };

let browser: Browser;
let backend: Backend;
let host: Host;
let owner: Session;
let rooms: [string, string];
let context: BrowserContext;
let page: Page;
let faults: string[];

beforeAll(async () => {
  [browser, backend, host] = await Promise.all([launchBrowser(), startBackend("browser"), startHost()]);
  owner = await new Rest({ base: backend.url }).register({ username: "mara", password: "correct horse battery" });
  const make = async (name: string) => {
    const { room } = await rest().createRoom({ name });
    await rest().postMessage({ room: room.uid, message: `Welcome to ${name}` });
    return room.uid;
  };
  rooms = [await make("One"), await make("Two")];
});
afterAll(async () => {
  await browser?.close();
  await backend?.remove();
  host?.close();
});

const rest = () => new Rest({ base: backend.url, token: () => owner.token });

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1000, height: 800 } });
  page = await context.newPage();
  page.setDefaultTimeout(30_000);
  faults = faultsOf(page);
});
afterEach(async () => {
  await context.close();
  expect(faults).toEqual([]);
});

const tag = (attributes = "") => `<script src="${backend.url}/embed.js" data-room="${rooms[0]}" ${attributes} async></script>`;
const listening = "<script>window.heard = []; for (const name of ['ready', 'message', 'unread', 'error', 'login']) document.addEventListener('banter:' + name, ({ detail }) => heard.push([name, detail]));</script>";

async function open(body: string): Promise<void> {
  host.pages.set("/", { body: `<!doctype html><title>Host</title>${listening}<body>${body}</body>` });
  await page.goto(host.url, { waitUntil: "domcontentloaded" });
}

const heard = () => page.evaluate(() => (window as unknown as { heard: [string, unknown][] }).heard);
const chat = () => page.frameLocator("iframe");
const element = () => page.locator("banter-chat");
const frame = () => page.locator("iframe");

describe("the frame", () => {
  it("has_a_title_a_sandbox_and_only_the_permissions_it_needs", async () => {
    await open(tag('data-title="Live chat"'));
    await message(chat(), "Welcome to One").waitFor();
    const [title, sandbox, allow] = await frame().evaluate((frame: HTMLIFrameElement) => [frame.title, frame.sandbox.value, frame.allow]);
    expect(title).toBe("Live chat");
    expect(sandbox?.split(" ").sort()).toEqual([
      "allow-forms", "allow-popups", "allow-popups-to-escape-sandbox", "allow-same-origin", "allow-scripts", "allow-storage-access-by-user-activation",
    ]);
    expect(allow).toBe("clipboard-write");
  });

  it("is_made_once_for_a_room_however_often_the_tag_is_there", async () => {
    await open(tag() + tag());
    await message(chat(), "Welcome to One").waitFor();
    await page.evaluate(([url, room]) => new Promise((done) => {
      const again = document.createElement("script");
      Object.assign(again, { src: url, onload: done });
      again.dataset.room = room!;
      document.body.append(again);
    }), [`${backend.url}/embed.js`, rooms[0]]);
    expect(await element().count()).toBe(1);
    expect(await page.evaluate(() => document.querySelectorAll("script[data-room]").length)).toBe(3);
  });

  it("is_loaded_when_it_comes_into_view", async () => {
    const asked: string[] = [];
    page.on("request", (request) => { if (request.url().includes("/embed.html")) asked.push(request.url()); });
    await open(`<p style="height: 20000px">Far above</p>${tag()}`);
    await element().waitFor({ state: "attached" });
    await page.waitForLoadState("networkidle");
    expect(asked).toEqual([]);
    await element().scrollIntoViewIfNeeded();
    await message(chat(), "Welcome to One").waitFor();
  });

  it.each([["dark", "rgb(22, 25, 31)"], ["light", "rgb(255, 255, 255)"], ["transparent", "rgba(0, 0, 0, 0)"]])(
    "does_not_flash: the place is %s before the chat is there, and nothing else is shown", async (theme, ground) => {
      let release = () => {};
      const held = new Promise<void>((go) => { release = go; });
      await page.route("**/embed.html*", async (route) => { await held; await route.continue(); });
      await open(tag(`data-theme="${theme}"`));
      await frame().waitFor({ state: "attached" });
      expect(await element().evaluate((element) => getComputedStyle(element).backgroundColor)).toBe(ground);
      expect(await frame().evaluate((frame) => getComputedStyle(frame).opacity)).toBe("0");
      release();
      await message(chat(), "Welcome to One").waitFor();
      await expect.poll(() => frame().evaluate((frame) => getComputedStyle(frame).opacity)).toBe("1");
    });

  it.each(["light", "dark"] as const)("a_transparent_one_lets_a_%s_page_through_whatever_the_visitors_system_likes", async (scheme) => {
    await page.emulateMedia({ colorScheme: "dark" });
    await open(`<style>:root { color-scheme: ${scheme} } body { margin: 0; background: rgb(12, 200, 34) }</style>${tag('data-theme="transparent" data-noheader data-readonly')}`);
    await message(chat(), "Welcome to One").waitFor();
    await expect.poll(() => frame().evaluate((frame) => getComputedStyle(frame).opacity)).toBe("1");
    const png = await page.screenshot({ clip: { x: 500, y: 10, width: 1, height: 1 } });
    const colour = await page.evaluate(async (data) => {
      const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
      const canvas = new OffscreenCanvas(1, 1).getContext("2d")!;
      canvas.drawImage(picture, 0, 0);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    }, png.toString("base64"));
    expect(colour).toEqual([12, 200, 34, 255]);
  });

  it("keeps_to_the_sites_own_rules_for_its_size", async () => {
    await open(`<style>banter-chat { height: 333px }</style>${tag()}`);
    await message(chat(), "Welcome to One").waitFor();
    expect(await element().evaluate((element) => element.clientHeight)).toBe(333);
  });
});

describe("words between the page and the chat", () => {
  it("signs_in_and_out_and_changes_theme_without_loading_again", async () => {
    await open(tag());
    await message(chat(), "Welcome to One").waitFor();
    await frame().evaluate((frame: HTMLIFrameElement) => { frame.onload = () => document.body.append("loaded again"); });
    await element().evaluate((chat: BanterChat, token) => chat.login(token), owner.token);
    await chat().getByRole("button", { name: /Logged in as mara/ }).waitFor();
    await element().evaluate((chat: BanterChat) => { chat.theme = "dark"; });
    await expect.poll(() => chat().locator(":root").evaluate((root) => root.dataset.theme)).toBe("dark");
    await element().evaluate((chat: BanterChat) => { chat.logout(); });
    await chat().getByRole("button", { name: /Logged in as mara/ }).waitFor({ state: "detached" });
    expect(await page.getByText("loaded again").count()).toBe(0);
  });

  it("says_again_what_was_said_to_a_frame_that_is_loaded_anew", async () => {
    await open(tag());
    await message(chat(), "Welcome to One").waitFor();
    await element().evaluate((chat: BanterChat, token) => { chat.login(token); }, owner.token);
    await chat().getByRole("button", { name: /Logged in as mara/ }).waitFor();
    await element().evaluate((chat) => { chat.setAttribute("density", "compact"); });
    await expect.poll(async () => (await heard()).filter(([name]) => name === "ready").length).toBe(2);
    await chat().getByRole("button", { name: /Logged in as mara/ }).waitFor();
  });

  it("does_not_repeat_a_logout_to_somebody_who_may_have_signed_in_since", async () => {
    await page.addInitScript(() => {
      const words: unknown[] = ((window as unknown as { words: unknown[] }).words = []);
      addEventListener("message", ({ data }) => words.push(data));
    });
    const words = () => chat().locator(":root").evaluate(() => (window as unknown as { words: object[] }).words);
    await open(tag());
    await expect.poll(async () => (await heard()).some(([name]) => name === "ready")).toBe(true);
    await element().evaluate((chat: BanterChat) => { chat.css(":root { --words: heard; }"); chat.logout(); });
    await expect.poll(words).toContainEqual({ logout: true });
    await element().evaluate((chat) => { chat.setAttribute("density", "compact"); });
    await expect.poll(async () => (await heard()).filter(([name]) => name === "ready").length).toBe(2);
    await expect.poll(words).toEqual([{ css: ":root { --words: heard; }" }]);
  });

  it("shows_another_room_to_the_same_user_and_loads_it_once", async () => {
    await open(tag());
    await message(chat(), "Welcome to One").waitFor();
    await element().evaluate((chat: BanterChat, token) => { chat.login(token); }, owner.token);
    await chat().getByRole("button", { name: /Logged in as mara/ }).waitFor();
    await element().evaluate((chat: BanterChat, room) => { chat.room = room; }, rooms[1]);
    await message(chat(), "Welcome to Two").waitFor();
    await chat().getByRole("button", { name: /Logged in as mara/ }).waitFor();
    expect((await heard()).filter(([name]) => name === "ready")).toHaveLength(2);
  });

  it("a_room_that_may_not_be_framed_here_is_not_shown_in_place_of_one_that_may", async () => {
    const { room } = await rest().createRoom({ name: "Members" });
    await rest().postMessage({ room: room.uid, message: "For members only" });
    await rest().patchRoom(room.uid, { allowed_sites: ["https://members.example"] });
    await open(tag());
    await message(chat(), "Welcome to One").waitFor();
    const refused = page.waitForEvent("console", (entry) => /frame-ancestors/.test(entry.text()));
    await element().evaluate((chat: BanterChat, uid) => { chat.room = uid; }, room.uid);
    await refused;
    await expect.poll(() => page.frames().some((frame) => frame.url().startsWith(backend.url))).toBe(false);
    faults.length = 0; // The browser's own words about the refusal.
  });

  it("tells_the_page_of_messages_and_believes_nobody_but_its_frame", async () => {
    await open(tag());
    await message(chat(), "Welcome to One").waitFor();
    await page.evaluate(() => {
      postMessage({ unread: 99, message: { message: "forged" } }, "*");
      const other = document.createElement("iframe");
      other.srcdoc = "<script>parent.postMessage({ message: { message: 'forged' } }, '*')</script>";
      document.body.append(other);
      return new Promise((done) => { other.onload = done; });
    });
    await rest().postMessage({ room: rooms[0], message: "Heard outside" });
    await expect.poll(async () => (await heard()).some(([name, detail]) => name === "message" && (detail as { message: string }).message === "Heard outside")).toBe(true);
    expect(JSON.stringify(await heard())).not.toMatch(/forged|"unread",99/);
  });

  it("says_when_the_frame_stays_silent_and_where_to_find_out_why", async () => {
    await page.clock.install();
    await page.route("**/embed.html*", (route) => route.fulfill({ contentType: "text/html", body: "<title>Not the chat</title>" }));
    await open(tag());
    await expect.poll(() => frame().evaluate((frame) => frame.className)).toBe("shown");
    await page.clock.fastForward(20_000);
    await expect.poll(heard).toMatchObject([["error", { code: "no_answer", doctor: `${backend.url}/embed-doctor.html?room=${rooms[0]}&site=${encodeURIComponent(host.url)}` }]]);
  });
});
