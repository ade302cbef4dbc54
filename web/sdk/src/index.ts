/** The front door of the SDK: a REST client, a realtime client, and the types of the wire. */
export * from "./protocol";
export { localProblem, problemOf, ProblemError } from "./problem";
export * from "./rest";
export { Realtime, type RealtimeEvent, type RealtimeOptions, type State } from "./realtime";
