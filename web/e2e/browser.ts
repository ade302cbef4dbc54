/** The system's Chromium, pages that must stay free of errors, and the few moves that all browser tests share. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Browser, chromium, type FrameLocator, type Locator, type Page } from "playwright-core";
import { expect } from "vitest";

export type Chat = Page | FrameLocator;

const shots = resolve(import.meta.dirname, "../../test-output/screenshots");

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || onPath(["chromium", "chromium-browser", "google-chrome"]),
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
      "--disable-sync",
    ],
  });
}

function onPath(names: string[]): string {
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
