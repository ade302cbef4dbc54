/** The browser tests, against a real server and a real browser: each file has its own of both, so two files go at a time. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/**/*.e2e.ts"], root: `${import.meta.dirname}/..`, maxWorkers: 2, testTimeout: 120_000, hookTimeout: 120_000,
    // A deadline, not a pace: what is there at once is taken at once, and a busy machine is no fault.
    expect: { poll: { timeout: 20_000 } },
  },
});
