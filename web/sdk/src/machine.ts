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

type Transition<I extends Input["type"]> = (input: Extract<Input, { type: I }>) => State;
type Transitions = { readonly [I in Input["type"]]?: Transition<I> };

const connect: Transition<"connect"> = ({ attempt }) => ({ name: "connecting", attempt });
const welcome: Transition<"welcome"> = ({ connection }) => ({ name: "online", connection });
const lost: Transition<"lost"> = ({ attempt, until }) => ({ name: "waiting", attempt, until });
const end: Transition<"end"> = ({ reason, detail }) => ({ name: "ended", reason, detail });
const close: Transition<"close"> = () => ({ name: "idle" });

const transitions: { readonly [S in State["name"]]: Transitions } = {
  idle: { connect },
  connecting: { connect, welcome, lost, end, close },
  online: { lost, end, close },
  waiting: { connect, close },
  ended: { connect, close },
};

/** The state after an input; null when the input means nothing in this state. */
export function step(state: State, input: Input): State | null {
  const transition = transitions[state.name][input.type] as ((input: Input) => State) | undefined;
  return transition?.(input) ?? null;
}
