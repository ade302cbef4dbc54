/** What the playground remembers, across a reload too: the forms, who we are, what was made, and the last exchange of each step. */
import { effect, signal } from "@preact/signals";
import { type Problem, problemOf, Rest, type User } from "../sdk/src";
import { keptFor, serverAddress } from "../shared/server";
import { read, write } from "../shared/session";
import { type Exchange, recorder } from "./exchange";

export type Step = "register" | "login" | "room" | "post" | "delete";

export interface Saved {
  username: string;
  password: string;
  token: string;
  user: User | null;
  roomName: string;
  /** The room that the forms name, and the one that the chats show. */
  room: string;
  shown: string;
  text: string;
  messageId: string;
  exchanges: Partial<Record<Step, Exchange>>;
}

const empty: Saved = {
  username: "", password: "", token: "", user: null, roomName: "Lounge", room: "", shown: "", text: "Hello from HTTP", messageId: "", exchanges: {},
};

export const server = serverAddress();
const key = `banter_playground${keptFor()}`;
export const saved = signal<Saved>(load());
effect(() => write(key, JSON.stringify(saved.value)));

export function keep(change: Partial<Saved>): void {
  saved.value = { ...saved.value, ...change };
}

export function forgetAll(): void {
  saved.value = empty;
}

/** A client whose exchange is kept under a step, or is not shown at all. */
export function client(step: Step | null, token = () => saved.value.token || null): Rest {
  const record = (exchange: Exchange) => step && keep({ exchanges: { ...saved.value.exchanges, [step]: exchange } });
  return new Rest({ base: server, token, fetch: recorder(record) });
}

/** Why the last piece of work failed; the exchange beside its form says the same in full. */
export const failure = signal<Problem | null>(null);

/** True while something is on its way. */
export const busy = signal(false);

export async function attempt(work: () => Promise<void>): Promise<void> {
  busy.value = true;
  try {
    await work();
    failure.value = null;
  } catch (error) {
    failure.value = problemOf(error);
  }
  busy.value = false;
}

/** What the server says it is; null while it is being asked, and the problem when it does not answer. */
export const about = signal<{ name: string; version: string } | Problem | null>(null);

export async function connect(): Promise<void> {
  about.value = await new Rest({ base: server }).version().catch(problemOf);
}

function load(): Saved {
  try {
    return { ...empty, ...(JSON.parse(read(key) ?? "{}") as Partial<Saved>) };
  } catch {
    return empty;
  }
}
