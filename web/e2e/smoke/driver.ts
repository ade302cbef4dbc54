/** Firefox, driven by WebDriver BiDi, and WebKitGTK, driven by classic WebDriver, behind the few moves that the smoke test makes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";
import { Builder, By, until, type WebElement } from "selenium-webdriver";
import { onPath } from "../browser";
import { freePort } from "../free-port";

const patience = 20_000;

/** A browser with one window, on a page that embeds one chat. Elements are named by XPath, and waited for. */
export interface Driver {
  /** Opens a page and turns to the chat on it; all that follows happens in the chat. */
  open(url: string): Promise<void>;
  see(xpath: string): Promise<void>;
  click(xpath: string): Promise<void>;
  type(xpath: string, text: string): Promise<void>;
  /** The text of all that match now. */
  texts(xpath: string): Promise<string[]>;
  /** Ends the browser and whatever was started for it. */
  close(): Promise<void>;
}

export interface Engine {
  name: string;
  /** The program that is installed, if any. */
  program: string | undefined;
  start(program: string): Promise<Driver>;
}

export const engines: Engine[] = [
  { name: "Firefox", program: process.env.FIREFOX || installed("firefox-esr", "firefox"), start: startFirefox },
  { name: "WebKitGTK", program: process.env.WEBKIT_DRIVER || (installed("Xvfb") && installed("WebKitWebDriver")), start: startWebKit },
];

function installed(...names: string[]): string | undefined {
  try {
    return onPath(names);
  } catch {
    return undefined;
  }
}

async function startFirefox(executablePath: string): Promise<Driver> {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
  const page = await browser.newPage();
  let chat = page.mainFrame();
  const find = async (xpath: string) => {
    const found = await chat.waitForSelector(`xpath/${xpath}`, { visible: true, timeout: patience });
    if (!found) throw new Error(`There is no ${xpath}.`);
    return found;
  };
  return {
    open: async (url) => {
      await page.goto(url);
      chat = await page.waitForFrame((frame) => frame.url().includes("/embed.html"), { timeout: patience });
    },
    see: async (xpath) => { await find(xpath); },
    click: async (xpath) => { await (await find(xpath)).click(); },
    type: async (xpath, text) => { await (await find(xpath)).type(text); },
    texts: async (xpath) => Promise.all((await chat.$$(`xpath/${xpath}`)).map((found) => found.evaluate((element) => element.textContent ?? ""))),
    close: () => browser.close(),
  };
}

/** MiniBrowser, which comes with the driver, on a display of its own. */
async function startWebKit(program: string): Promise<Driver> {
  const processes: ChildProcess[] = [];
  const start = (name: string, args: string[], env = process.env) => {
    const child = spawn(name, args, { env, stdio: ["ignore", "pipe", "ignore"] });
    processes.push(child);
    return child;
  };
  const stop = async () => {
    for (const child of processes.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null || !child.pid) continue;
      const gone = once(child, "exit");
      child.kill();
      await gone;
    }
  };
  try {
    const [display] = await once(createInterface({ input: start("Xvfb", ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]).stdout! }), "line");
    const port = await freePort();
    start(program, [`--port=${port}`], { ...process.env, DISPLAY: `:${String(display)}`, GDK_BACKEND: "x11", NO_AT_BRIDGE: "1" });
    await listening(port);
    const browser = await new Builder().usingServer(`http://127.0.0.1:${port}`).withCapabilities({ browserName: "MiniBrowser" }).build();
    const find = async (xpath: string): Promise<WebElement> => {
      const found = await browser.wait(until.elementLocated(By.xpath(xpath)), patience);
      return browser.wait(until.elementIsVisible(found), patience);
    };
    return {
      open: async (url) => {
        await browser.get(url);
        const frame = () => browser.executeScript<WebElement | null>("return document.querySelector('banter-chat')?.shadowRoot?.querySelector('iframe')");
        await browser.switchTo().frame(await browser.wait(frame, patience) as WebElement);
      },
      see: async (xpath) => { await find(xpath); },
      click: async (xpath) => { await (await find(xpath)).click(); },
      type: async (xpath, text) => { await (await find(xpath)).sendKeys(text); },
      texts: async (xpath) => browser.executeScript<string[]>(textsOf, xpath),
      close: () => browser.quit().finally(stop),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const textsOf = `
  const found = document.evaluate(arguments[0], document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
  return Array.from({ length: found.snapshotLength }, (_, index) => found.snapshotItem(index).textContent);`;

/** Returns when the driver answers. */
async function listening(port: number): Promise<void> {
  const deadline = Date.now() + patience;
  while (!await fetch(`http://127.0.0.1:${port}/status`).then((answer) => answer.ok, () => false)) {
    if (Date.now() > deadline) throw new Error("The driver of WebKit does not answer.");
    await new Promise((later) => setTimeout(later, 50));
  }
}
