/** The system's Chromium, pages that must stay free of errors, and the few moves that all browser tests share. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Browser, chromium, type FrameLocator, type Locator, type Page } from "playwright-core";
import { expect } from "vitest";

export type Chat = Page | FrameLocator;

const shots = resolve(import.meta.dirname, "../../test-output/screenshots");

/** Switches for one try after another, the last without what depends most on the machine: forked renderers and compiled scripts. */
const tries = [[], [], ["--no-zygote", "--js-flags=--jitless"]];

/** A Chromium that has shown a page. Where no page lives, the error says so once, with what Chromium and the machine tell of it. */
export async function launchBrowser(): Promise<Browser> {
  const CHROMIUM = process.env.CHROMIUM || onPath(["chromium", "chromium-browser", "google-chrome"]);
  let trouble = "";
  for (const switches of tries) {
    const CHROMIUM_LOG = join(mkdtempSync(join(tmpdir(), "banter-chromium-")), "log");
    const browser = await chromium.launch({
      executablePath: join(import.meta.dirname, "chromium"),
      env: { ...process.env, CHROMIUM, CHROMIUM_LOG },
      args: [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", ...switches,
      ],
    });
    browser.on("disconnected", () => rmSync(dirname(CHROMIUM_LOG), { recursive: true, force: true }));
    browser.on("context", (context) => context.on("page", (page) => page.on("crash", () => console.error(crashed(page.url(), CHROMIUM_LOG)))));
    try {
      const page = await browser.newPage();
      await page.goto("data:text/html,<p>Ready", { timeout: 20_000 });
      await page.close();
      return browser;
    } catch (error) {
      trouble = crashed(String(error), CHROMIUM_LOG);
      console.error(trouble);
      await browser.close();
    }
  }
  throw new Error(trouble);
}

/** What tells a machine that is short of something from a page that is at fault. */
function crashed(what: string, log: string): string {
  const { bavail, bsize } = statfsSync(tmpdir());
  return [
    `A Chromium page crashed: ${what}`,
    `memory: ${found("/proc/meminfo", /MemAvailable: *(.*)/)} available, ${found("/proc/vmstat", /oom_kill (.*)/)} processes ever killed for want of it`,
    `load and tasks: ${found("/proc/loadavg", /(.*) /)}`,
    `disk: ${Math.round(bavail * bsize / 2 ** 20)} MiB free in ${tmpdir()}`,
    ...found(log, /([\s\S]*)/).split("\n").filter((line) => /ERROR|FATAL/.test(line) && !/dbus|scaling_/.test(line)).slice(-10),
  ].join("\n  ");
}

function found(file: string, pattern: RegExp): string {
  return (existsSync(file) && readFileSync(file, "utf8").match(pattern)?.[1]) || "?";
}

export function onPath(names: string[]): string {
  for (const name of names) {
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch {
      // Not this one.
    }
  }
  throw new Error(`No browser found: install one of ${names.join(", ")} or name it in CHROMIUM.`);
}

/** Collects what a page must never do: throw, or run into the content security policy. */
export function faultsOf(page: Page): string[] {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (/content security policy/i.test(message.text())) faults.push(message.text());
  });
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return faults;
}

export async function shoot(page: Page, name: string, widths: number[] = [360, 1280]): Promise<void> {
  mkdirSync(shots, { recursive: true });
  for (const width of widths) {
    await page.setViewportSize({ width, height: width < 700 ? 740 : 860 });
    await page.screenshot({ path: join(shots, `${name}-${width}.png`), animations: "disabled" });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide, `${name} must not scroll sideways at ${width} px`).toBeLessThanOrEqual(0);
  }
}

/** The messages in a chat, in order. */
export function messages(chat: Chat): Locator {
  return chat.locator(".line[data-id] .text");
}

export function message(chat: Chat, text: string): Locator {
  return chat.locator(".line[data-id]", { has: chat.locator(".text", { hasText: text }) });
}

export async function say(chat: Chat, text: string): Promise<void> {
  const box = chat.getByLabel("Message", { exact: true });
  await box.fill(text);
  await maySend(chat);
  await box.press("Enter");
}

/** What is in the box may be sent: the box may be there before the server has said who we are. */
export async function maySend(chat: Chat): Promise<void> {
  await chat.locator(".send:enabled").waitFor();
}

export async function register(chat: Chat, name: string, password = "correct horse battery"): Promise<void> {
  await chat.getByRole("button", { name: "Register" }).click();
  await chat.getByLabel("Name").fill(name);
  await chat.getByLabel("Password").fill(password);
  await chat.getByRole("button", { name: "Register" }).click();
  await chat.getByRole("button", { name: new RegExp(`Logged in as ${name}`) }).waitFor();
}

export async function joinAsGuest(chat: Chat): Promise<void> {
  await chat.getByRole("button", { name: "Chat as a guest" }).click();
  await chat.getByRole("button", { name: /Logged in as/ }).waitFor();
}
