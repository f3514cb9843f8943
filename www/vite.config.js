import { defineConfig } from "vite";

export default defineConfig({
  // Relative addresses: the built page may be served from any folder.
  base: "./",
  build: { target: "es2022", sourcemap: true },
  // The package is linked from ../pkg while developing.
  server: { fs: { allow: [".."] } },
});
