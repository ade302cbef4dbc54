/** People who post and watch through the balancer, and a chat window in a browser that is watched itself. */
import type { Page } from "playwright-core";
import { WebSocket } from "ws";
import { type Message, ProblemError, Realtime, Rest, type Session } from "../../sdk/src";
import type { Topology } from "./topology";

/** The API behind the balancer, as somebody. */
export function rest(topology: Topology, session: Session | null = null): Rest {
  const request = async (url: string, { method = "GET", headers, body }: RequestInit) => {
    const asked = { method, headers: headers as Record<string, string>, body: body as string | null };
    const answer = await topology.ask(url, asked);
    return new Response(answer.body || null, { status: answer.status });
  };
  return new Rest({ base: "", token: () => session?.token ?? null, fetch: request });
}

/** All messages of a room, the oldest first. */
export async function history(by: Rest, room: string): Promise<Message[]> {
  const found: Message[] = [];
  let before: number | null = null;
  do {
    const { messages, next }: { messages: Message[]; next?: number | null } = await by.messages(room, { limit: 100, ...(before === null ? {} : { before }) });
    found.push(...messages);
    before = next ?? null;
  } while (before !== null);
  return found.sort((one, other) => one.seq - other.seq);
}

/** Posts until it is told to stop. */
export class Poster {
  /** The texts that the server has acknowledged. */
  readonly acknowledged: string[] = [];
  /** What it was answered instead, and asked again. */
  readonly refusals: string[] = [];
  readonly #done: Promise<void>;
  #isOver = false;

  constructor(topology: Topology, session: Session, room: string, name: string) {
    this.#done = this.#post(rest(topology, session), room, name);
  }

  async #post(by: Rest, room: string, name: string): Promise<void> {
    for (let n = 1; !this.#isOver; n++) {
      const message = `${name} ${n}`;
      while (!(await this.#isTaken(by, room, message))) await pause(200);
      this.acknowledged.push(message);
      await pause(250);
    }
  }

  /** One try. What is worth another one is not a failure: the nonce makes it the same message. */
  async #isTaken(by: Rest, room: string, message: string): Promise<boolean> {
    try {
      await by.postMessage({ room, message, nonce: message });
      return true;
    } catch (error) {
      if (!(error instanceof ProblemError) || ![0, 502, 503].includes(error.problem.status)) throw error;
      this.refusals.push(`${error.problem.status} ${error.problem.code}`);
      return false;
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }
}

/** A client that only reads, over the SDK. */
export class Watcher {
  /** The texts in the order in which they came. */
  readonly seen: string[] = [];
  /** The codes that its sockets were closed with, by the server. */
  readonly closed: number[] = [];
  /** What attempts to connect failed with. */
  readonly failures: string[] = [];
  /** Whether it has seen the room, and misses nothing from then on. */
  hasJoined = false;
  readonly #realtime: Realtime;

  constructor(topology: Topology, room: string) {
    const { closed, failures } = this;
    class Socket extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { ca: topology.ca });
        this.on("error", (error) => failures.push(error.message));
        this.on("close", (code) => closed.push(code));
      }
    }
    this.#realtime = new Realtime({ url: topology.url, WebSocket: Socket as unknown as typeof globalThis.WebSocket });
    this.#realtime.on("message", ({ message }) => this.seen.push(message ?? ""));
    this.#realtime.listen(({ type }) => { if (type === "joined") this.hasJoined = true; });
    this.#realtime.join(room);
    this.#realtime.connect();
  }

  close(): void {
    this.#realtime.close();
  }
}

export interface Seen {
  /** What was said of the connection, one after the other: "lost" or "fine". */
  states: string[];
  /** The messages by their ids, in the order in which they first stood in the log. */
  ids: number[];
  /** Logs that stood in the wrong order or had a message twice. */
  wrong: number[][];
}

/** Has a window write down, from its next page on, what can be seen in it. */
export async function writeDown(page: Page): Promise<() => Promise<Seen>> {
  await page.addInitScript(() => {
    const seen: Seen = { states: ["fine"], ids: [], wrong: [] };
    Object.assign(window, { seen });
    const look = () => {
      const state = document.querySelector(".banner.warn")?.textContent?.includes("Connection lost.") ? "lost" : "fine";
      if (seen.states.at(-1) !== state) seen.states.push(state);
      const ids = [...document.querySelectorAll<HTMLElement>(".line[data-id]")].map((line) => Number(line.dataset.id));
      for (const id of ids) if (!seen.ids.includes(id)) seen.ids.push(id);
      if (ids.some((id, at) => at > 0 && id <= ids[at - 1]!)) seen.wrong.push(ids);
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  });
  return () => page.evaluate(() => (window as unknown as { seen: Seen }).seen);
}

export function pause(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms));
}
