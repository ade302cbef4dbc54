/** The playground and the stream page: what is copied works elsewhere, and every state can be seen, read and reached by keys. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Rest } from "../sdk/src";
import { expectAccessible } from "./axe";
import { type Backend, startBackend } from "./backend";
import { faultsOf, launchBrowser, message, say, shoot } from "./browser";
import { type Host, startHost } from "./host";

let browser: Browser;
let backend: Backend;
let host: Host;
let context: BrowserContext;
let page: Page;
let faults: string[];

beforeAll(async () => {
  [browser, backend, host] = await Promise.all([launchBrowser(), startBackend("browser"), startHost()]);
});
afterAll(async () => {
  await browser?.close();
  await backend?.remove();
  host?.close();
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

/** From the empty page to an open room with a word in it. */
async function openRoom(): Promise<void> {
  await page.goto(backend.url);
  await page.getByRole("button", { name: "Create and open a room" }).click();
  const one = page.frameLocator('iframe[title="Chat 1"]');
  await one.getByRole("button", { name: /Logged in as/ }).waitFor();
  await say(one, "Hello from the playground");
  await message(one, "Hello from the playground").waitFor();
}

const code = (way: string) => page.getByLabel(`Code: ${way}`).textContent();
const tab = (way: string) => page.getByRole("tab", { name: way, exact: true });

describe("the code to copy", () => {
  it("shows_the_room_on_another_site_in_each_of_the_ways", async () => {
    await openRoom();
    const strange = await context.newPage();
    for (const way of ["Script tag", "Element", "Iframe"]) {
      await tab(way).click();
      const copied = ((await code(way)) ?? "").replace("https://www.example.com", host.url);
      host.pages.set("/", { body: `<!doctype html><title>Host</title><body>${copied}</body>` });
      await strange.goto(host.url);
      await message(strange.frameLocator("iframe"), "Hello from the playground").waitFor();
    }
    await tab("OBS overlay").click();
    await strange.goto((await code("OBS overlay")) ?? "");
    await message(strange, "Hello from the playground").waitFor();
    await tab("HTTP").click();
    const { stdout } = await promisify(execFile)("bash", ["-ec", `${(await code("HTTP")) ?? ""} --silent --fail`]);
    expect((JSON.parse(stdout) as { messages: { message: string }[] }).messages.map(({ message }) => message)).toEqual(["Hello from the playground"]);
  });

  it("carries_the_chosen_look_which_the_preview_shows", async () => {
    await openRoom();
    await page.getByLabel("Theme").selectOption("dark");
    await page.getByLabel("Compact").check();
    await page.getByLabel("Read only").check();
    expect(await code("Script tag")).toMatch(/ data-theme="dark" data-density="compact" data-readonly async>/);
    const preview = page.frameLocator('iframe[title="Preview"]');
    await page.locator('iframe[title="Preview"]').scrollIntoViewIfNeeded();
    await message(preview, "Hello from the playground").waitFor();
    expect(await preview.locator(":root").evaluate((root) => root.dataset.theme)).toBe("dark");
    await shoot(page, "playground-embed");
  });

  it("is_reached_and_chosen_by_keys", async () => {
    await page.goto(backend.url);
    await tab("Script tag").focus();
    for (const way of ["Element", "Iframe"]) {
      await page.keyboard.press("ArrowRight");
      expect(await tab(way).evaluate((tab) => tab === document.activeElement && tab.ariaSelected)).toBe("true");
    }
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowLeft");
    expect(await tab("OBS overlay").evaluate((tab) => tab === document.activeElement)).toBe(true);
  });
});

describe("states", () => {
  it("a_server_that_does_not_answer_is_said_at_once_and_again_when_something_is_asked_of_it", async () => {
    await page.goto(`${backend.url}/?server=http://127.0.0.1:1`);
    await page.getByText("http://127.0.0.1:1 does not answer.").waitFor();
    await page.getByRole("button", { name: "Create and open a room" }).click();
    await page.getByText("The server cannot be reached.").waitFor();
    await shoot(page, "playground-silent");
    await expectAccessible(page, "silent");
  });

  it("a_login_is_for_the_server_that_gave_it_and_no_other_that_a_link_names_hears_of_it", async () => {
    const heard: (string | null)[] = [];
    await context.route("http://other.test/**", async (route) => {
      heard.push(await route.request().headerValue("authorization"));
      const known = route.request().url().endsWith("/version");
      await route.fulfill({
        status: known ? 200 : 403, headers: { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*" },
        json: known ? { name: "Other", version: "1" } : { status: 403, code: "forbidden", detail: "Not today." },
      });
    });
    await openRoom();
    await page.goto(`${backend.url}/?server=http://other.test`);
    await page.getByText("Other 1").waitFor();
    await page.getByRole("button", { name: "Create and open a room" }).click();
    await page.getByText("Not today.").first().waitFor();
    expect(heard.length).toBeGreaterThanOrEqual(2);
    expect(heard.filter((login) => login !== null)).toEqual([]);
    await page.goto(backend.url);
    await page.frameLocator('iframe[title="Chat 1"]').getByRole("button", { name: /Logged in as/ }).waitFor();
  });

  it.each(["light", "dark"] as const)("axe_finds_nothing_in_the_%s_theme", async (scheme) => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(backend.url);
    await page.getByText("No room yet.").waitFor();
    await shoot(page, `playground-empty-${scheme}`);
    await expectAccessible(page, "empty");
    await openRoom();
    await page.getByRole("button", { name: "Post", exact: true }).click();
    await shoot(page, `playground-open-${scheme}`);
    await expectAccessible(page, "open");
    const { room } = await new Rest({ base: backend.url, token: () => null }).room((await page.locator(".room-line code").textContent()) ?? "");
    await page.goto(`${backend.url}/lofi.html?room=${room.uid}`);
    await message(page.frameLocator("iframe"), "Hello from the playground").waitFor();
    await shoot(page, `stream-${scheme}`);
    await expectAccessible(page, "stream");
  });
});

it("the_stream_pages_code_is_such_a_page", async () => {
  await openRoom();
  await page.goto(`${backend.url}/lofi.html`);
  const copied = await page.getByLabel("Code", { exact: true }).textContent();
  host.pages.set("/", { body: `<!doctype html><title>Host</title>${copied}` });
  await page.goto(host.url);
  await message(page.frameLocator("iframe"), "Hello from the playground").waitFor();
  expect(await page.locator("banter-chat").evaluate((chat) => [chat.clientWidth, chat.clientHeight])).toEqual([360, 860]);
});
