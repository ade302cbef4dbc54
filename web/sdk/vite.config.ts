/** Builds the package into sdk/dist, one module, and a small one of its own for lengths of texts; the compiler adds the types (`npm run build:sdk` does both). */
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  build: {
    target: "es2022",
    // A library build leaves the white space in otherwise.
    rolldownOptions: { output: { minify: true } },
    lib: { entry: { index: "src/index.ts", text: "src/text.ts" }, formats: ["es"], fileName: (_, name) => `${name}.js` },
  },
});
