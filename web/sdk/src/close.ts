/**
 * What a close code means for the client: whether to come back, and how. A code that is not in the
 * table (1006, a proxy's own) is a lost connection.
 */

export type CloseVerdict =
  /** Come back after a jittered delay. */
  | "retry"
  /** The server sends many away at once: spread over its window. */
  | "drained"
  /** The token ended: drop it and come back anonymously. */
  | "signed_out"
  /** The token expired: renew it, then come back. */
  | "renew"
  /** Do not come back by itself. */
  | "banned"
  | "too_many";

const table: Readonly<Record<number, CloseVerdict>> = {
  1012: "drained",
  1013: "drained",
  4001: "signed_out",
  4003: "banned",
  4008: "retry",
  4009: "too_many",
  4010: "renew",
};

export function closeVerdict(code: number): CloseVerdict {
  return table[code] ?? "retry";
}
