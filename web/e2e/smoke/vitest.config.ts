/** The smoke test in the browsers of other makers: `npm run smoke`, against a real server, in those that are installed. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/smoke/*.smoke.ts"], root: `${import.meta.dirname}/../..`, testTimeout: 60_000, hookTimeout: 30_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
