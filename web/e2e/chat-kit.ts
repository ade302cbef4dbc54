/** What the browser tests of the chat window share: one server and browser, people, rooms, and windows that must stay free of faults. */
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { Rest, type Session } from "../sdk/src";
import { type Backend, startBackend } from "./backend";
import { faultsOf, launchBrowser } from "./browser";

let names = 0;

export interface Kit {
  backend: Backend;
  browser: Browser;
  /** Somebody with a name of their own. */
  person(name: string): Promise<Session>;
  room(owner: Session, name?: string): Promise<string>;
  say(by: Session, room: string, ...texts: string[]): Promise<number[]>;
  /** A window of somebody (or nobody), in a browser profile of its own. */
  open(path: string, by?: Session | null, options?: BrowserContextOptions & { prepare?: (context: BrowserContext) => Promise<unknown> }): Promise<Page>;
  rest(by: Session | null): Rest;
}

/** Starts a server and a browser for the tests of a file; each window is closed after its test, and must have had no fault. */
export function chatKit(): Kit {
  const windows: { context: BrowserContext; faults: string[] }[] = [];
  const kit = {
    rest: (by: Session | null) => new Rest({ base: kit.backend.url, token: () => by?.token ?? null }),
    person: (name: string) => kit.rest(null).register({ username: `${name}-${Date.now().toString(36)}${names++}`, password: "correct horse battery" }),
    room: async (owner: Session, name = "Lounge") => (await kit.rest(owner).createRoom({ name })).room.uid,
    say: async (by: Session, room: string, ...texts: string[]) => {
      const ids: number[] = [];
      for (const message of texts) {
        const answer = await kit.rest(by).postMessage({ room, message });
        if ("message" in answer) ids.push(answer.message.id);
      }
      return ids;
    },
    open: async (path: string, by: Session | null = null, { prepare, ...options }: Parameters<Kit["open"]>[2] = {}) => {
      const context = await kit.browser.newContext({ viewport: { width: 420, height: 640 }, ...options });
      await prepare?.(context);
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      windows.push({ context, faults: faultsOf(page) });
      if (by) await page.addInitScript(([token, key]) => { if (!sessionStorage.getItem("signed")) localStorage.setItem(key!, token!); }, [by.token, "chat_token"]);
      await page.goto(path.startsWith("http") ? path : kit.backend.url + path);
      return page;
    },
  } as Kit;
  beforeAll(async () => {
    [kit.browser, kit.backend] = await Promise.all([launchBrowser(), startBackend("browser")]);
  });
  afterEach(async () => {
    const faults = windows.flatMap((window) => window.faults);
    for (const { context } of windows.splice(0)) await context.close();
    expect(faults).toEqual([]);
  });
  afterAll(async () => {
    await kit.browser?.close();
    await kit.backend?.remove();
  });
  return kit;
}

/** How far a message's top is below the top of the log. */
export function topOf(page: Page, text: string): Promise<number> {
  return page.evaluate((wanted) => {
    const row = [...document.querySelectorAll<HTMLElement>(".line[data-id]")].find((line) => line.querySelector(".text")?.textContent === wanted);
    const log = document.querySelector(".log")!;
    return row ? row.getBoundingClientRect().top - log.getBoundingClientRect().top : Number.NaN;
  }, text);
}

/** How much of the log lies below what is seen. */
export function below(page: Page): Promise<number> {
  return page.getByRole("log").evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight);
}
