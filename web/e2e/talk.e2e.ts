/** The main job: from the empty start page to two windows that talk, are moderated, and survive a crash of the server. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Backend, startBackend } from "./backend";
import { type Chat, faultsOf, joinAsGuest, launchBrowser, message, messages, register, say, shoot } from "./browser";

let browser: Browser;
let backend: Backend;
let context: BrowserContext;
let page: Page;
let faults: string[];

beforeAll(async () => {
  [browser, backend] = await Promise.all([launchBrowser(), startBackend("browser")]);
});
afterAll(async () => {
  await browser?.close();
  await backend?.remove();
});
beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  page = await context.newPage();
  page.setDefaultTimeout(30_000);
  faults = faultsOf(page);
});
afterEach(async () => {
  await context.close();
  expect(faults).toEqual([]);
});

/** From the empty start page to an open room: chat 1 is its owner, a guest; nobody is in chat 2. */
async function quickStart(): Promise<[Chat, Chat]> {
  await page.goto(backend.url);
  await page.getByRole("button", { name: "Create and open a room" }).click();
  const [one, two] = [page.frameLocator('iframe[title="Chat 1"]'), page.frameLocator('iframe[title="Chat 2"]')] as const;
  await one.getByRole("button", { name: /Logged in as/ }).waitFor();
  return [one, two];
}

async function settle(chat: Chat, texts: string[]): Promise<void> {
  await message(chat, texts.at(-1)!).waitFor();
  expect(await messages(chat).allTextContents()).toEqual(texts);
}

const unique = (name: string) => `${name}-${Math.random().toString(36).slice(2, 8)}`;

describe("the playground", () => {
  it("two_guests_meet_from_the_empty_start_page_and_talk", async () => {
    const [one, two] = await quickStart();
    await joinAsGuest(two);
    await say(one, "Hello from one");
    await message(two, "Hello from one").waitFor();
    await say(two, "Hello from two <b>not bold</b>");
    for (const chat of [one, two]) await settle(chat, ["Hello from one", "Hello from two <b>not bold</b>"]);
    await shoot(page, "playground-talking");
  });

  it("a_registered_user_talks_and_is_named_to_the_others", async () => {
    const [one, two] = await quickStart();
    const name = unique("ann");
    await register(two, name);
    await say(two, "I have a name");
    await message(one, "I have a name").filter({ hasText: name }).waitFor();
  });

  it("each_step_works_by_its_form_and_shows_the_exact_exchange", async () => {
    await page.goto(backend.url);
    const step = (title: string) => page.getByRole("region", { name: title });
    await step("Register a user").getByRole("button", { name: "Suggest a free name" }).click();
    await page.waitForFunction(() => document.querySelector<HTMLInputElement>("#step-1 ~ form input")?.value);
    await step("Register a user").getByRole("button", { name: "Register" }).click();
    await step("Register a user").getByText("201", { exact: true }).waitFor();
    await step("Or log in").getByRole("button", { name: "Log in", exact: true }).click();
    await step("Or log in").getByText("200", { exact: true }).waitFor();
    await step("Create a room").getByRole("button", { name: "Create room" }).click();
    await step("Create a room").getByText("201", { exact: true }).waitFor();
    expect(await step("Create a room").getByLabel("As curl", { exact: true }).textContent()).toMatch(/^curl -X POST '.*\/rooms' \\\n {2}-H 'Accept/);
    await step("Open it in both chats").getByRole("button", { name: "Open in both chats" }).click();
    const one = page.frameLocator('iframe[title="Chat 1"]');
    await step("Use the token").getByRole("button", { name: "By storage" }).first().click();
    await one.getByRole("button", { name: /Logged in as/ }).waitFor();
    await step("Use the token").getByRole("button", { name: "By postMessage" }).last().click();
    await page.frameLocator('iframe[title="Chat 2"]').getByRole("button", { name: /Logged in as/ }).waitFor();
    await step("Post a message by HTTP").getByRole("button", { name: "Post" }).click();
    await message(one, "Hello from HTTP").waitFor();
    await shoot(page, "playground-steps", [1280]);
    await page.reload();
    await step("Create a room").getByText("201", { exact: true }).waitFor();
    await message(one, "Hello from HTTP").waitFor();
    await step("Delete a message").getByRole("button", { name: "Delete message" }).click();
    await message(one, "Hello from HTTP").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Reset playground" }).click();
    await page.getByRole("button", { name: "Yes" }).click();
    await page.getByText("No room yet.").first().waitFor();
    expect(await page.evaluate(() => localStorage.getItem("chat_token"))).toBeNull();
  });
});

describe("moderation", () => {
  it("the_owner_deletes_a_message_and_it_is_gone_in_both_windows", async () => {
    const [one, two] = await quickStart();
    await joinAsGuest(two);
    await say(two, "Something rude");
    await message(one, "Something rude").hover();
    await message(one, "Something rude").getByRole("button", { name: /Actions on the message/ }).click();
    await shoot(page, "playground-actions", [1280]);
    await one.getByRole("button", { name: "Delete message" }).click();
    for (const chat of [one, two]) await message(chat, "Something rude").waitFor({ state: "detached" });
  });

  it("the_owner_deletes_a_message_by_keyboard_alone", async () => {
    const [one, two] = await quickStart();
    await joinAsGuest(two);
    await say(two, "Rude again");
    await message(one, "Rude again").waitFor();
    await one.getByRole("log").focus();
    for (const key of ["ArrowUp", "Enter"]) await page.keyboard.press(key);
    await one.getByRole("button", { name: "Delete message" }).waitFor();
    await expect.poll(async () => {
      if (await one.getByRole("button", { name: "Delete message" }).evaluate((node) => node === document.activeElement)) return true;
      await page.keyboard.press("ArrowDown");
      return false;
    }).toBe(true);
    await page.keyboard.press("Enter");
    for (const chat of [one, two]) await message(chat, "Rude again").waitFor({ state: "detached" });
  });

  it("a_timed_out_user_reads_on_but_cannot_write", async () => {
    const [one, two] = await quickStart();
    await joinAsGuest(two);
    await say(two, "Too loud");
    await message(one, "Too loud").hover();
    await message(one, "Too loud").getByRole("button", { name: /Actions on the message/ }).click();
    await one.getByRole("button", { name: /^Time out .* for 10 min/ }).click();
    await two.getByText(/You are timed out for/).waitFor();
    expect(await two.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
    await say(one, "Still readable");
    await message(two, "Still readable").waitFor();
  });

  it("a_banned_user_is_shown_the_door_and_stays_out", async () => {
    const [one, two] = await quickStart();
    const name = unique("troll");
    await register(two, name);
    await say(two, "Spam");
    await message(one, "Spam").hover();
    await message(one, "Spam").getByRole("button", { name: /Actions on the message/ }).click();
    await one.getByRole("button", { name: "Ban …" }).click();
    await one.getByRole("button", { name: `Ban ${name}` }).click();
    await two.getByText("You are banned here").waitFor();
    await shoot(page, "playground-banned", [1280]);
    await two.getByRole("button", { name: "Try again" }).click();
    await two.getByText("You are banned here").waitFor();
    expect(await messages(two).count()).toBe(0);
  });
});

describe("a crash of the server", () => {
  it("loses_and_doubles_nothing_and_the_windows_come_back_by_themselves", async () => {
    const [one, two] = await quickStart();
    await joinAsGuest(two);
    const said: string[] = [];
    const both = async (chat: Chat, text: string) => { said.push(text); await say(chat, text); };
    for (let i = 1; i <= 5; i++) await both(i % 2 ? one : two, `before ${i}`);
    for (const chat of [one, two]) await message(chat, "before 5").waitFor();
    await backend.kill();
    await one.getByText("Connection lost.").waitFor();
    await both(one, "written while the server was away");
    await shoot(page, "playground-offline", [1280]);
    await backend.restart();
    await message(two, "written while the server was away").waitFor({ timeout: 40_000 });
    await both(two, "after");
    const texts = async (chat: Chat) => { await message(chat, "after").waitFor(); return messages(chat).allTextContents(); };
    const [first, second] = [await texts(one), await texts(two)];
    expect(first).toEqual(second);
    expect([...first].sort()).toEqual([...said].sort());
    expect(await one.locator(".pending, .failed").count()).toBe(0);
  });
});
