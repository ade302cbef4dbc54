/**
 * The life of a connection as a table: in which state which input leads where. What is not in the table
 * means nothing there and changes nothing, so that a late answer of an old socket cannot.
 */

export type State =
  /** Not wanted: never connected, or closed by the caller. */
  | { name: "idle" }
  /** A socket is being opened; `attempt` counts from 1. */
  | { name: "connecting"; attempt: number }
  | { name: "online"; connection: number }
  /** Comes back by itself at `until` (ms since 1970). */
  | { name: "waiting"; attempt: number; until: number }
  /** Does not come back by itself; `connect` tries again. */
  | { name: "ended"; reason: EndReason; detail: string };

export type EndReason = "banned" | "too_many";

export type Input =
  | { type: "connect"; attempt: number }
  | { type: "welcome"; connection: number }
  | { type: "lost"; attempt: number; until: number }
  | { type: "end"; reason: EndReason; detail: string }
  | { type: "close" };

/** Where each input leads; its own facts become those of the state. */
const targets: { readonly [I in Input["type"]]: State["name"] } = { connect: "connecting", welcome: "online", lost: "waiting", end: "ended", close: "idle" };

/** Which inputs mean something in which state. */
const transitions: { readonly [S in State["name"]]: readonly Input["type"][] } = {
  idle: ["connect"],
  connecting: ["connect", "welcome", "lost", "end", "close"],
  online: ["lost", "end", "close"],
  waiting: ["connect", "close"],
  ended: ["connect", "close"],
};

/** The state after an input; null when the input means nothing in this state. */
export function step(state: State, { type, ...facts }: Input): State | null {
  return transitions[state.name].includes(type) ? ({ name: targets[type], ...facts } as State) : null;
}
