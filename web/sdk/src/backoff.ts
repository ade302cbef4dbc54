/**
 * How long to wait before coming back. Full jitter: a delay drawn evenly from zero to a limit that
 * doubles with every failure, so that thousands of clients that fell together do not return together.
 */
import type { ReconnectHints } from "./protocol.js";

/** Used until the server's `welcome` has said better. */
export const defaultHints: ReconnectHints = { base: 500, cap: 20_000, window: 5_000 };

/** The limit of the delay after `failures` failures in a row; a server that drains spreads its clients over `window`. */
export function delayLimit(failures: number, hints: ReconnectHints, drained: boolean): number {
  const grown = Math.min(hints.cap, hints.base * 2 ** failures);
  return drained ? Math.max(grown, hints.window) : grown;
}

export function reconnectDelay(
  failures: number,
  hints: ReconnectHints,
  drained: boolean,
  random: () => number,
): number {
  return Math.floor(random() * delayLimit(failures, hints, drained));
}
