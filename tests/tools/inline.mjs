// Makes the build with the WebAssembly inside the JavaScript: node tests/tools/inline.mjs PKG TEMPLATE
import { basename, join, resolve } from "node:path";
import { argv } from "node:process";
import { build } from "esbuild";

const [pkg, template] = argv.slice(2).map((folder) => resolve(folder));

/**
 * `#source` becomes the template's inline source, and the WebAssembly it imports the finished one. A single file has
 * no worker beside it, so passwords are derived, and bytes hashed, on the calling thread; it may run in Node, so it has the
 * directory.
 */
const inline = {
  name: "inline",
  setup(build) {
    build.onResolve({ filter: /^#source$/ }, () => ({ path: join(template, "source/inline.js") }));
    build.onResolve({ filter: /^#relay-source$/ }, () => ({ path: join(template, "source/inline-relay.js") }));
    build.onResolve({ filter: /^#hash$/ }, () => ({ path: join(pkg, "hash/here.js") }));
    build.onResolve({ filter: /^#kdf$/ }, () => ({ path: join(pkg, "kdf/here.js") }));
    build.onResolve({ filter: /^#directory$/ }, () => ({ path: join(pkg, "relay/directory.js") }));
    build.onResolve({ filter: /^#store-directory$/ }, () => ({ path: join(pkg, "store/directory.js") }));
    build.onResolve({ filter: /\.wasm$/ }, ({ path }) => ({ path: join(pkg, "wasm", basename(path)) }));
  },
};

await build({
  // Comments in it name files from here on: the same wherever it is built.
  absWorkingDir: pkg,
  entryPoints: [join(pkg, "index.js")],
  outfile: join(pkg, "inline/index.js"),
  bundle: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  external: ["node:*"],
  loader: { ".wasm": "base64" },
  charset: "utf8",
  sourcemap: true,
  sourcesContent: false,
  plugins: [inline],
  logLevel: "warning",
});
