/** The life of a connection: every state with every input, and a client that never leaves the table. */
import { expect, it } from "vitest";
import { type Input, type State, step } from "../sdk/src/machine";

const states: State[] = [
  { name: "idle" }, { name: "connecting", attempt: 1 }, { name: "online", connection: 7 },
  { name: "waiting", attempt: 2, until: 9 }, { name: "ended", reason: "banned", detail: "no" },
];
const inputs: Input[] = [
  { type: "connect", attempt: 3 }, { type: "welcome", connection: 8 }, { type: "lost", attempt: 4, until: 10 },
  { type: "end", reason: "too_many", detail: "enough" }, { type: "close" },
];
const transitions: Record<State["name"], Partial<Record<Input["type"], State["name"]>>> = {
  idle: { connect: "connecting" },
  connecting: { connect: "connecting", welcome: "online", lost: "waiting", end: "ended", close: "idle" },
  online: { lost: "waiting", end: "ended", close: "idle" },
  waiting: { connect: "connecting", close: "idle" },
  ended: { connect: "connecting", close: "idle" },
};

it.each(states.flatMap((state) => inputs.map((input) => [state.name, input.type, state, input] as const)))("%s_and_%s", (name, type, state, input) => {
  expect(step(state, input)?.name ?? null).toBe(transitions[name][type] ?? null);
});

it("an_input_brings_its_own_facts_into_the_state", () => {
  expect(step({ name: "connecting", attempt: 1 }, { type: "welcome", connection: 8 })).toEqual({ name: "online", connection: 8 });
  expect(step({ name: "online", connection: 8 }, { type: "lost", attempt: 4, until: 10 })).toEqual({ name: "waiting", attempt: 4, until: 10 });
  expect(step({ name: "online", connection: 8 }, { type: "end", reason: "banned", detail: "no" })).toEqual({ name: "ended", reason: "banned", detail: "no" });
});
