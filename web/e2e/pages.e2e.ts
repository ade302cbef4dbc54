/** Every page by itself: what it shows, that it keeps to its policy, and how it looks at 360 and 1280 px in both themes. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Rest, type Session } from "../sdk/src";
import { type Backend, rootPassword, startBackend } from "./backend";
import { faultsOf, joinAsGuest, launchBrowser, message, messages, say, shoot } from "./browser";

let browser: Browser;
let backend: Backend;
let owner: Session;
let room: string;

beforeAll(async () => {
  [browser, backend] = await Promise.all([launchBrowser(), startBackend("address")]);
  owner = await new Rest({ base: backend.url }).register({ username: "mara", password: "correct horse battery" });
  room = (await as(owner).createRoom({ name: "Late light", description: "Slow beats and soft rain" })).room.uid;
});
afterAll(async () => {
  await browser?.close();
  await backend?.remove();
});

const as = ({ token }: Session) => new Rest({ base: backend.url, token: () => token });

/** A page of its own, without a word of complaint at the end. */
async function visit(path: string, work: (page: Page) => Promise<void>, scheme: "light" | "dark" = "light"): Promise<void> {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const faults = faultsOf(page);
  await page.goto(backend.url + path);
  await work(page);
  await context.close();
  expect(faults).toEqual([]);
}

describe("the chat", () => {
  it("shows_the_history_to_readers_and_a_login_to_those_who_want_to_write", async () => {
    for (const text of ["Good evening, everyone.", "Which record is this? It sounds like rain on a tin roof, and I mean that kindly.", "https://example.org/a/very/long/address/that/has/no/place/to/break/at/all/in/it"]) {
      await as(owner).postMessage({ room, message: text });
    }
    for (const scheme of ["light", "dark"] as const) {
      await visit(`/embed.html?room=${room}`, async (page) => {
        await message(page, "Good evening").waitFor();
        await shoot(page, `chat-${scheme}`);
        await page.getByRole("button", { name: "Log in" }).click();
        await shoot(page, `chat-login-${scheme}`, [360]);
      }, scheme);
    }
  });

  it("guest_1_signs_in_without_a_question_and_the_page_does_not_ask_who_we_are", async () => {
    await visit(`/embed.html?room=${room}&guest=1`, async (page) => {
      await page.getByRole("button", { name: /Logged in as/ }).waitFor();
      await say(page, "A guest was here");
      await message(page, "A guest was here").waitFor();
      await shoot(page, "chat-guest");
    });
  });

  it("works_with_storage_blocked", async () => {
    const context = await browser.newContext();
    await context.addInitScript(() => {
      const blocked = () => { throw new DOMException("blocked", "SecurityError"); };
      for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { get: blocked });
    });
    const page = await context.newPage();
    const faults = faultsOf(page);
    await page.goto(`${backend.url}/embed.html?room=${room}`);
    await joinAsGuest(page);
    await say(page, "No storage, no problem");
    await message(page, "No storage, no problem").waitFor();
    await context.close();
    expect(faults).toEqual([]);
  });

  it("stays_where_the_reader_scrolled_and_counts_what_comes", async () => {
    const busy = (await as(owner).createRoom({ name: "Busy" })).room.uid;
    for (let i = 1; i <= 45; i++) await as(owner).postMessage({ room: busy, message: `line ${i}` });
    await visit(`/embed.html?room=${busy}&theme=dark`, async (page) => {
      await page.setViewportSize({ width: 360, height: 600 });
      await message(page, "line 45").waitFor();
      const log = page.getByRole("log");
      const gap = () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
      await expect.poll(gap).toBeLessThan(2);
      await expect.poll(async () => {
        await log.evaluate((box) => { box.scrollTop = 100; });
        return page.getByRole("button", { name: "Jump to latest" }).isVisible();
      }).toBe(true);
      for (let i = 46; i <= 48; i++) await as(owner).postMessage({ room: busy, message: `line ${i}` });
      await page.getByRole("button", { name: "3 new messages" }).waitFor();
      expect(Math.abs((await log.evaluate((box) => box.scrollTop)) - 100)).toBeLessThan(2);
      await shoot(page, "chat-scrolled", [360]);
      await page.getByRole("button", { name: "3 new messages" }).click();
      await expect.poll(gap).toBeLessThan(2);
    });
  });

  it("keeps_at_most_120_lines_while_it_follows", async () => {
    const long = (await as(owner).createRoom({ name: "Long" })).room.uid;
    await visit(`/embed.html?room=${long}`, async (page) => {
      await page.getByText("No messages yet.").waitFor();
      for (let i = 1; i <= 300; i++) await as(owner).postMessage({ room: long, message: `number ${i}.` });
      await message(page, "number 300.").waitFor();
      const drawn = await messages(page).count();
      expect(drawn).toBeGreaterThanOrEqual(45);
      expect(drawn).toBeLessThanOrEqual(120);
    });
  });

  it("slow_mode_counts_down_before_the_next_message", async () => {
    const slow = (await as(owner).createRoom({ name: "Slow" })).room.uid;
    await as(owner).patchRoom(slow, { slow_mode: 60 });
    await visit(`/embed.html?room=${slow}&guest=1`, async (page) => {
      await page.getByRole("button", { name: /Logged in as/ }).waitFor();
      await say(page, "One");
      const left = async () => Number(/Slow mode: (\d+) sec/.exec((await page.getByText(/Slow mode: \d/).textContent()) ?? "")?.[1] ?? 60);
      const first = await left();
      expect(first).toBeGreaterThan(0);
      await expect.poll(left).toBeLessThan(first);
      await shoot(page, "chat-slow", [360]);
    });
  });

  it("a_room_that_is_not_there_is_said_in_words", async () => {
    await visit("/embed.html?room=doesnotexist", async (page) => {
      await page.getByRole("heading", { name: "There is no such room" }).waitFor();
      await shoot(page, "chat-no-room", [360]);
    });
  });
});

describe("framed by another site", () => {
  let host: Server;
  const hostUrl = () => `http://localhost:${(host.address() as AddressInfo).port}`;
  beforeAll(async () => {
    host = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(`<!doctype html><title>Host</title>
      <script>window.heard = []; onmessage = (event) => heard.push([event.origin, event.data]);</script>
      <iframe title="Chat" src="${backend.url}/embed.html?room=${room}" width="360" height="600"></iframe>`));
    await new Promise<void>((ready) => host.listen(0, "localhost", ready));
  });
  afterAll(() => { host.close(); });

  it("the_host_signs_in_its_user_and_hears_of_messages_and_strangers_are_not_obeyed", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(hostUrl());
    const chat = page.frameLocator("iframe");
    await message(chat, "Good evening").waitFor();
    const heard = () => page.evaluate(() => (window as unknown as { heard: [string, Record<string, unknown>][] }).heard);
    await expect.poll(async () => (await heard()).some(([, data]) => data.ready === true)).toBe(true);
    const frame = page.frames()[1]!;
    await frame.evaluate(() => postMessage({ room: "nowhere", login: "forged" }, "*"));
    await page.evaluate(([token, origin]) => {
      document.querySelector("iframe")!.contentWindow!.postMessage({ login: token }, origin!);
    }, [owner.token, backend.url]);
    await chat.getByRole("button", { name: /Logged in as mara/ }).waitFor();
    await as(owner).postMessage({ room, message: "Heard outside" });
    await expect.poll(async () => (await heard()).some(([origin, data]) =>
      origin === backend.url && (data.message as { message?: string } | undefined)?.message === "Heard outside")).toBe(true);
    await context.close();
  });
});

describe("the other pages", () => {
  it("the_playground_starts_empty_and_says_when_both_chats_are_the_same_guest", async () => {
    for (const scheme of ["light", "dark"] as const) {
      await visit("/", async (page) => {
        await page.getByText("No room yet.").first().waitFor();
        await shoot(page, `playground-${scheme}`);
        await page.getByRole("button", { name: "Create and open a room" }).click();
        await joinAsGuest(page.frameLocator('iframe[title="Chat 2"]'));
        await page.getByText("Both windows are the same guest").waitFor();
        await shoot(page, `playground-same-guest-${scheme}`);
      }, scheme);
    }
  });

  it("the_stream_page_has_the_chat_beside_the_picture", async () => {
    await visit("/lofi.html", async (page) => {
      await page.getByText("No room is open yet.").waitFor();
      await shoot(page, "stream-empty");
      await page.goto(`${backend.url}/lofi.html?room=${room}`);
      await message(page.frameLocator("iframe"), "Good evening").waitFor();
      await shoot(page, "stream");
    });
  });

  it("the_callback_page_asks_before_it_signs_in_somebody_that_no_popup_of_ours_sent", async () => {
    await visit(`/callback.html#token=${owner.token}`, async (page) => {
      await page.getByText("Log in to the chat as mara?").waitFor();
      expect(page.url()).not.toContain("token");
      expect(await page.evaluate(() => localStorage.getItem("chat_token"))).toBeNull();
      await shoot(page, "callback");
      await page.getByRole("button", { name: "Log in" }).click();
      await expect.poll(() => page.isClosed() || page.evaluate(() => localStorage.getItem("chat_token"))).toBeTruthy();
    });
  });

  it("the_callback_page_speaks_the_language_of_the_chat_that_opened_it", async () => {
    await visit(`/callback.html?lang=de#token=${owner.token}`, async (page) => {
      await page.getByText("Im Chat als mara anmelden?").waitFor();
      await page.getByRole("button", { name: "Anmelden" }).waitFor();
      expect(await page.locator("html").getAttribute("lang")).toBe("de");
    });
  });

  it("a_popup_of_our_own_keeps_the_token_and_closes", async () => {
    await visit(`/embed.html?room=${room}`, async (page) => {
      const [popup] = await Promise.all([
        page.waitForEvent("popup"),
        page.evaluate((token) => { window.open(`/callback.html#token=${token}`, "", "popup"); }, owner.token),
      ]);
      if (!popup.isClosed()) await popup.waitForEvent("close");
      await page.getByRole("button", { name: /Logged in as mara/ }).waitFor();
    });
  });

  it("the_api_page_shows_the_servers_own_description", async () => {
    await visit("/docs/", async (page) => {
      await page.locator(".swagger-ui .info .title").waitFor();
      await page.locator(".opblock").first().waitFor();
      await shoot(page, "docs", [1280]);
    });
  });

  it("root_administers_users_rooms_bans_and_connections", async () => {
    await new Rest({ base: backend.url }).register({ username: "someone", password: "correct horse battery" });
    await visit("/admin/", async (page) => {
      await shoot(page, "admin-login");
      await page.getByLabel("Password").fill(rootPassword);
      await page.getByRole("button", { name: "Log in" }).click();
      const row = (text: string) => page.getByRole("row").filter({ hasText: text });
      await row("someone").waitFor();
      await shoot(page, "admin-users");
      await row("someone").getByRole("button", { name: "Edit" }).click();
      await page.getByLabel("Display name").fill("Someone else");
      await page.getByLabel("Super mod").check();
      await shoot(page, "admin-edit", [1280]);
      await page.getByRole("button", { name: "Save" }).click();
      await row("Someone else").filter({ hasText: "Super mod" }).waitFor();
      await row("Someone else").getByRole("button", { name: "Ban" }).click();
      await page.getByRole("button", { name: "Yes" }).click();
      await page.getByRole("link", { name: "Bans" }).click();
      // The list may have been asked for before the ban was written.
      const again = async () => {
        await page.getByRole("link", { name: "Users" }).click();
        await page.getByRole("link", { name: "Bans" }).click();
        return false;
      };
      await expect.poll(() => row("Someone else").waitFor({ timeout: 3_000 }).then(() => true, again)).toBe(true);
      await shoot(page, "admin-bans");
      await row("Someone else").getByRole("button", { name: "Lift" }).click();
      await page.getByRole("button", { name: "Yes" }).click();
      await page.getByText("No bans or timeouts.").waitFor();
      await page.getByRole("link", { name: "Rooms" }).click();
      await row("Late light").waitFor();
      await shoot(page, "admin-rooms");
      const reader = await page.context().newPage();
      await reader.goto(`${backend.url}/embed.html?room=${room}&guest=1`);
      await reader.getByRole("button", { name: /Logged in as/ }).waitFor();
      await page.getByRole("link", { name: "Connections" }).click();
      await page.getByRole("button", { name: "Refresh" }).click();
      await row(room).waitFor();
      await shoot(page, "admin-connections");
    });
  });
});
