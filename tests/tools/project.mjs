// Empty projects into which the packed package is installed, as a user would.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const call = promisify(execFile);
const tests = fileURLToPath(new URL("..", import.meta.url));

/** A program's file in tests/node_modules, to be run with `node`. */
export const tool = (path) => join(tests, "node_modules", path);

/** Runs a program to its end; a failure carries what it printed. */
export async function run(folder, program, ...args) {
  try {
    return (await call(program, args, { cwd: folder, maxBuffer: 1 << 26 })).stdout;
  } catch (error) {
    throw new Error(`${program} ${args.join(" ")} failed\n${error.stdout ?? ""}${error.stderr ?? error}`);
  }
}

/** Runs `node` on a file. */
export const node = (folder, ...args) => run(folder, process.execPath, ...args);

/** A folder of its own, removed by `remove()`. */
export async function scratch() {
  const folder = await mkdtemp(join(tmpdir(), "regrant-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** `npm pack`s the built package, or the one in the folder that REGRANT_PACKAGE names: the tarball, and the files in it. */
export async function pack(into) {
  const pkg = process.env.REGRANT_PACKAGE ?? join(tests, "../pkg");
  const [packed] = Object.values(JSON.parse(await run(pkg, "npm", "pack", "--json", "--pack-destination", into)));
  return { tarball: join(into, packed.filename), files: packed.files.map(({ path }) => path), version: packed.version };
}

/** What somebody's own use of a template folder left there. */
const LEFT = ["node_modules", "dist", ".next"];

/** Makes a project with the tarball installed and, from a template folder, its files. */
export async function project(folder, tarball, template) {
  await mkdir(folder, { recursive: true });
  if (template) await cp(template, folder, { recursive: true, filter: (from) => !LEFT.includes(basename(from)) });
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  await run(folder, "npm", "install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", tarball);
  return folder;
}

/** A port that nobody listens on, for servers that want to be told one. */
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}
