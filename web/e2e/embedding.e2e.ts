/** docs/embedding.md: every example of it, opened in a browser on a site of another origin. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { promisify } from "node:util";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { Rest, type Session } from "../sdk/src";
import { type Backend, startBackend } from "./backend";
import { faultsOf, launchBrowser, message, say } from "./browser";
import { type Host, startHost } from "./host";

let browser: Browser;
let backend: Backend;
let host: Host;
let owner: Session;
let room: string;
let recipes: Map<string, string>;
let context: BrowserContext;
let page: Page;
let faults: string[];
const opened = new Set<string>();

beforeAll(async () => {
  [browser, backend, host] = await Promise.all([launchBrowser(), startBackend("browser"), startHost()]);
  owner = await new Rest({ base: backend.url }).register({ username: "mara", password: "correct horse battery" });
  const text = await readFile(resolve(import.meta.dirname, "../../docs/embedding.md"), "utf8");
  recipes = new Map([...text.matchAll(/```\w+ recipe=(\S+)\n([\s\S]*?)```/g)].map(([, name = "", code = ""]) => [name, code.trim()]));
  host.pages.set("/chat-token", { body: owner.token });
});
afterAll(async () => {
  await browser?.close();
  await backend?.remove();
  host?.close();
});

const as = ({ token }: Session) => new Rest({ base: backend.url, token: () => token });

beforeEach(async () => {
  room = (await as(owner).createRoom({ name: "Late light" })).room.uid;
  await as(owner).postMessage({ room, message: "Good evening" });
  context = await browser.newContext({ viewport: { width: 1000, height: 800 } });
  page = await context.newPage();
  page.setDefaultTimeout(30_000);
  faults = faultsOf(page);
});
afterEach(async () => {
  await context.close();
  expect(faults).toEqual([]);
});

/** An example with the addresses of this run in it. */
function recipe(name: string): string {
  opened.add(name);
  const code = recipes.get(name);
  if (!code) throw new Error(`docs/embedding.md has no example ${name}`);
  return code.replaceAll("https://chat.example.org", backend.url).replaceAll("https://www.example.com", host.url)
    .replaceAll("UID", room).replaceAll("TOKEN", owner.token);
}

async function open(name: string, headers: Record<string, string> = {}): Promise<void> {
  const code = recipe(name);
  host.pages.set("/", { body: `<!doctype html><title>Host</title>${code.includes("<body>") ? code : `<body>${code}</body>`}`, headers });
  await page.goto(host.url);
}

const chat = () => page.frameLocator("iframe");
const shown = () => message(chat(), "Good evening").waitFor();
const signedIn = () => chat().getByRole("button", { name: /Logged in as mara/ }).waitFor();

it("script-tag", async () => {
  await open("script-tag");
  await shown();
  expect(await page.locator("banter-chat").evaluate((chat) => [chat.previousElementSibling?.tagName, chat.clientHeight])).toEqual(["SCRIPT", 600]);
});

it("target", async () => {
  await open("target");
  await shown();
  expect(await page.locator("#chat banter-chat").count()).toBe(1);
});

it("element", async () => {
  await open("element");
  await shown();
  expect(await page.locator("banter-chat").evaluate((chat) => chat.clientHeight)).toBe(480);
});

it("iframe", async () => {
  await open("iframe");
  await shown();
});

it("css", async () => {
  await open("css");
  await shown();
  const value = (name: string) => chat().locator(":root").evaluate((root, name) => getComputedStyle(root).getPropertyValue(name).trim(), name);
  await expect.poll(() => value("--surface")).toBe("#1b1024");
  expect(await value("--radius")).toBe("0");
});

it("login", async () => {
  await open("login");
  await signedIn();
  await say(chat(), "Written on the host's page");
  await message(chat(), "Written on the host's page").waitFor();
  expect(await page.evaluate(() => [location.href, ...[...document.querySelectorAll("banter-chat")].map((chat) => chat.shadowRoot?.querySelector("iframe")?.src)].join())).not.toContain(owner.token);
});

it("login, by somebody whom the host does not know", async () => {
  host.pages.delete("/chat-token");
  host.pages.set("/your-login-page", { body: "<title>Host login</title>" });
  try {
    await open("login");
    await shown();
    await chat().getByRole("button", { name: /log in/i }).first().click();
    await page.waitForURL("**/your-login-page");
  } finally {
    host.pages.set("/chat-token", { body: owner.token });
  }
});

it("postmessage", async () => {
  await open("postmessage");
  await signedIn();
});

it("events", async () => {
  await open("events");
  await shown();
  await as(owner).postMessage({ room, message: "Heard outside" });
  await expect.poll(() => page.locator("#last").textContent()).toBe("Heard outside");
});

it("overlay", async () => {
  await page.goto(recipe("overlay"));
  await message(page, "Good evening").waitFor();
  expect(await page.getByRole("textbox").count()).toBe(0);
  expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgba(0, 0, 0, 0)");
  // As OBS does with its custom CSS.
  await page.evaluate((css) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }, recipe("overlay-css"));
  expect(await message(page, "Good evening").locator(".text").evaluate((line) => getComputedStyle(line).fontSize)).toBe("28px");
});

it("policy", async () => {
  const [name = "", value = ""] = recipe("policy").split(": ");
  await open("script-tag", { [name]: value });
  await shown();
});

it("allow-list", async () => {
  await promisify(execFile)("bash", ["-ec", recipe("allow-list").replace("curl", "curl --fail --silent --show-error")]);
  await open("script-tag");
  await shown();
  const other = await startHost();
  try {
    other.pages.set("/", { body: `<!doctype html><title>Other</title>${recipe("iframe").replaceAll(host.url, other.url)}` });
    const stranger = await context.newPage();
    const refused = stranger.waitForEvent("console", { predicate: (said) => /frame-ancestors/.test(said.text()) });
    await stranger.goto(other.url);
    await refused;
    expect(await message(stranger.frameLocator("iframe"), "Good evening").count()).toBe(0);
  } finally {
    other.close();
  }
});

it("doctor", async () => {
  await page.goto(recipe("doctor"));
  await page.getByRole("heading", { name: /No problems found/ }).waitFor();
});

it("every_example_of_the_page_was_opened", () => {
  expect([...opened].sort()).toEqual([...recipes.keys()].sort());
});
