import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { defineConfig } from "vite";

/** Writes the service worker: src/offline.js, with the list of what was built in front. */
function offline() {
  let folder;
  return {
    name: "offline",
    apply: "build",
    configResolved: ({ root, build }) => void (folder = join(root, build.outDir)),
    async generateBundle(_, bundle) {
      const there = await readdir(join(folder, "..", "public"));
      const files = [...Object.keys(bundle).filter((name) => !name.endsWith(".map") && name !== "index.html"), ...there].sort();
      const code = await readFile(new URL("src/offline.js", import.meta.url), "utf8");
      // Names of built files say what is in them: the list changes with the page.
      const version = createHash("sha256").update(`${files}\n${code}`).digest("hex").slice(0, 12);
      const list = `const VERSION = ${JSON.stringify(version)};\nconst FILES = ${JSON.stringify(["./", ...files])};\n`;
      this.emitFile({ type: "asset", fileName: "offline.js", source: list + code });
    },
  };
}

/** The package in another folder than ../pkg: `cargo xtask demo` has its own, which is built faster. */
function packageIn(folder) {
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const entry = (name) => ({ find: `regrant${name.slice(1)}`, replacement: join(folder, exports[name].default) });
  return [entry("./testing"), { ...entry("."), find: /^regrant$/ }];
}

export default defineConfig({
  // Relative addresses: the built page may be served from any folder.
  base: "./",
  build: { target: "es2022", sourcemap: true },
  plugins: [offline()],
  resolve: { alias: process.env.REGRANT_PACKAGE ? packageIn(process.env.REGRANT_PACKAGE) : [] },
  // The package is linked from ../pkg while developing.
  server: { fs: { allow: [".."] } },
});
