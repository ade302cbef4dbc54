/** The browser tests: one at a time, against a real server and a real browser. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/**/*.e2e.ts"], root: `${import.meta.dirname}/..`, fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000,
    // A deadline, not a pace: what is there at once is taken at once, and a busy machine is no fault.
    expect: { poll: { timeout: 20_000 } },
  },
});
