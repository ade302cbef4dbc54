/** Builds the package into sdk/dist, one module; the compiler adds the types (`npm run build:sdk` does both). */
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  build: {
    target: "es2022",
    // A library build leaves the white space in otherwise.
    rolldownOptions: { output: { minify: true } },
    lib: { entry: "src/index.ts", formats: ["es"], fileName: () => "index.js" },
  },
});
