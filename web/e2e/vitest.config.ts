/** The browser tests: one at a time, against a real server and a real browser. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["e2e/**/*.e2e.ts"], root: `${import.meta.dirname}/..`, fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 },
});
