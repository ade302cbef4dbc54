/** The front door of the SDK: a REST client, a realtime client, a room as a value and as a transcript, and the types of the wire. */
export type { components, operations, paths } from "./api.generated.js";
export { type CloseVerdict, closeVerdict } from "./close.js";
export type { EndReason, State } from "./machine.js";
export * from "./protocol.js";
export { localProblem, problemOf, ProblemError } from "./problem.js";
export * from "./rest.js";
export { type FrameData, Realtime, type RealtimeEvent, type RealtimeOptions, type Socket, type SocketClass } from "./realtime.js";
export type { Pending } from "./room.js";
export type { TimelineItem } from "./timeline.js";
export { Transcript } from "./transcript.js";
