/** The soak: `npm run soak`, for SOAK_MINUTES minutes (10 unless given), against a real server and a real browser. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["e2e/soak/*.soak.ts"], root: `${import.meta.dirname}/../..`, testTimeout: 3_600_000, hookTimeout: 60_000 },
});
