/**
 * A hundred messages a second for SOAK_MINUTES minutes, seen by one window: how long its frames take, how
 * its heap and its page grow, whether anything jumps. And how soon the first message is seen. Prints the
 * figures; they are also in test-output/soak.json. Fails on a frame over 100 ms, a heap that grows by a tenth, or a page over 600 nodes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WebSocket as NodeSocket } from "ws";
import { Realtime, Rest, type Session } from "../../sdk/src";
import { type Backend, startBackend } from "../backend";
import { launchBrowser } from "../browser";

const minutes = Number(process.env.SOAK_MINUTES ?? 10);
const rate = Number(process.env.SOAK_RATE ?? 100);
const speakers = 20;
const figures: Record<string, unknown> = { minutes, rate };

let browser: Browser;
let backend: Backend;
let people: Session[];
let room: string;

beforeAll(async () => {
  [browser, backend] = await Promise.all([launchBrowser(), startBackend("browser")]);
  const rest = new Rest({ base: backend.url });
  people = [];
  for (let i = 0; i < speakers; i++) people.push(await rest.register({ username: `speaker${i}`, password: "correct horse battery" }));
  room = (await new Rest({ base: backend.url, token: () => people[0]!.token }).createRoom({ name: "Flood" })).room.uid;
});
afterAll(async () => {
  await browser?.close();
  await backend?.remove();
  mkdirSync(resolve(import.meta.dirname, "../../../test-output"), { recursive: true });
  writeFileSync(resolve(import.meta.dirname, "../../../test-output/soak.json"), JSON.stringify(figures, null, 2));
  console.log(JSON.stringify(figures, null, 2));
});

/** `long` are frames over 100 ms by the clock, `busy` those of them in which the page itself worked that long: the rest waited for the machine. */
interface Watch { long: string[]; worst: number; frames: number; busy: string[]; worstBusy: number; shift: number; since: number }

/** Runs in the page before its scripts: looks at every frame and every shift. */
function watch(): void {
  const seen: Watch = { long: [], worst: 0, frames: 0, busy: [], worstBusy: 0, shift: 0, since: performance.now() };
  Object.assign(window, { watched: seen });
  let last = performance.now();
  const frame = (now: number) => {
    if (now > 1000) {
      seen.frames++;
      seen.worst = Math.max(seen.worst, now - last);
      if (now - last > 100) seen.long.push(`${Math.round(now - last)} ms at ${Math.round(now / 1000)} s`);
    }
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.startTime < 1000) continue;
      seen.worstBusy = Math.max(seen.worstBusy, entry.duration);
      if (entry.duration > 100) seen.busy.push(`${Math.round(entry.duration)} ms at ${Math.round(entry.startTime / 1000)} s`);
    }
  }).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
      if (!entry.hadRecentInput) seen.shift += entry.value;
    }
  }).observe({ type: "layout-shift", buffered: true });
}

/** What lives on the heap after a full collection, in KiB. */
async function heap(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.enable");
  for (let i = 0; i < 3; i++) await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = (await session.send("Runtime.getHeapUsage")) as { usedSize: number };
  await session.detach();
  return Math.round(usedSize / 1024);
}

const words = "so this is how it goes when everybody in the room talks at once and nobody reads what was said before".split(" ");
const sentence = (n: number) => `${n} ${words.slice(n % 7, (n % 7) + 3 + (n % 11)).join(" ")}${n % 9 ? "" : " 🎉"}${n % 23 ? "" : " @speaker3 https://example.org/"}`;

it("stays_smooth_and_flat_at_a_hundred_messages_a_second", async () => {
  if (!(minutes >= 2)) throw new Error("SOAK_MINUTES must be at least 2: the heap is compared with that of the first minute.");
  const sockets = await Promise.all(people.slice(0, 5).map((_, i) => open(people.filter((__, at) => at % 5 === i))));
  const context = await browser.newContext({ viewport: { width: 400, height: 700 } });
  await context.addInitScript(watch);
  const page = await context.newPage();
  await page.goto(`${backend.url}/embed.html?room=${room}`);
  await page.getByRole("log").waitFor();

  let sent = 0;
  const start = Date.now();
  const samples: { second: number; heap: number; rows: number; nodes: number }[] = [];
  let nextSample = 60;
  while (Date.now() - start < minutes * 60_000 + 2000) {
    const due = Math.floor(((Date.now() - start) / 1000) * rate);
    for (; sent < due; sent++) sockets[sent % sockets.length]!(sent);
    const second = (Date.now() - start) / 1000;
    if (second >= nextSample) {
      // A collection stops the page, so its frame is not the chat's.
      const before = await page.evaluate(() => (window as unknown as { watched: Watch }).watched);
      const used = await heap(page);
      await page.evaluate((kept) => requestAnimationFrame(() => requestAnimationFrame(() => Object.assign((window as unknown as { watched: Watch }).watched, { long: kept.long, worst: kept.worst, busy: kept.busy, worstBusy: kept.worstBusy }))), before);
      const counted = await page.evaluate(() => ({ rows: document.querySelectorAll(".line").length, nodes: document.querySelectorAll(".lines *").length }));
      samples.push({ second: Math.round(second), heap: used, ...counted });
      nextSample += 30;
    }
    await new Promise((wake) => setTimeout(wake, 10));
  }
  await expect.poll(async () => page.locator(".line[data-id] .text").last().textContent(), { timeout: 30_000 }).toBe(sentence(sent - 1));
  const seen = await page.evaluate(() => (window as unknown as { watched: Watch }).watched);
  Object.assign(figures, {
    sent, seconds: Math.round((Date.now() - start) / 1000), frames: seen.frames, worstFrameMs: Math.round(seen.worst), framesOver100ms: seen.long,
    worstTaskMs: Math.round(seen.worstBusy), tasksOver100ms: seen.busy, load: loadavg().map((value) => Number(value.toFixed(1))),
    layoutShift: Number(seen.shift.toFixed(5)), samples,
    heapGrowthPercent: samples.length > 1 ? Number((((samples.at(-1)!.heap - samples[0]!.heap) / samples[0]!.heap) * 100).toFixed(1)) : null,
  });
  await context.close();
  expect(seen.frames, "frames that were looked at").toBeGreaterThan(minutes * 60);
  expect(seen.busy, "tasks over 100 ms after the first second").toEqual([]);
  expect(seen.long, `frames over 100 ms after the first second, of a page whose longest task took ${Math.round(seen.worstBusy)} ms (load ${loadavg()[0]})`).toEqual([]);
  expect(samples.length).toBeGreaterThanOrEqual(2);
  expect(figures.heapGrowthPercent, "growth of the heap since the first minute, in percent").toBeLessThanOrEqual(10);
  expect(samples.filter(({ nodes }) => nodes === 0 || nodes > 600), "samples with an empty or too large page").toEqual([]);
  expect(seen.shift).toBeLessThan(0.01);
});

it("the_first_message_is_seen_soon_after_the_navigation", async () => {
  const times: number[] = [];
  const owner = new Rest({ base: backend.url, token: () => people[0]!.token });
  const quiet = (await owner.createRoom({ name: "Quiet" })).room.uid;
  for (let i = 0; i < 60; i++) await owner.postMessage({ room: quiet, message: sentence(i) });
  for (let i = 0; i < 7; i++) {
    const context = await browser.newContext({ viewport: { width: 400, height: 700 } });
    await context.addInitScript(() => {
      const look = () => {
        if (document.querySelector(".line[data-id]")) requestAnimationFrame(() => setTimeout(() => Object.assign(window, { firstSeen: performance.now() })));
        else requestAnimationFrame(look);
      };
      look();
    });
    const page = await context.newPage();
    await page.goto(`${backend.url}/embed.html?room=${quiet}`);
    await page.waitForFunction(() => "firstSeen" in window);
    times.push(Math.round(await page.evaluate(() => (window as unknown as { firstSeen: number }).firstSeen)));
    await context.close();
  }
  const coldest = times.slice(-5).sort((one, two) => one - two);
  Object.assign(figures, { firstMessageMs: times, medianOfFive: coldest[2] });
  expect(coldest[2]).toBeLessThan(300);
});

/** A socket per five speakers, who say in turn what they are told. */
async function open(sessions: Session[]): Promise<(n: number) => void> {
  const ends = sessions.map(({ token }) => {
    const realtime = new Realtime({ url: backend.url.replace("http", "ws") + "/ws", token, WebSocket: NodeSocket as unknown as typeof WebSocket });
    realtime.connect();
    return realtime;
  });
  return (n) => void ends[n % ends.length]!.send(room, sentence(n)).catch(() => {});
}
