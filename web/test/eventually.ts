/** Waiting in the unit tests. */
import { vi } from "vitest";

/** Tries until `check` passes. The deadline is far away: a busy machine is no fault. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 20_000, interval: 10 });
}
