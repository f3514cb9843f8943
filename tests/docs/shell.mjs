// Whether a command that a page shows exists. Runs nothing of it.
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./blocks.mjs";

const help = (await readFile(join(root, "xtask/src/main.rs"), "utf8")).match(/const HELP: &str = "\\\n([\s\S]*?)\n";/)[1];
const there = (path) => access(join(root, path)).then(() => true, () => false);

/** What is wrong with a line of shell, if anything. */
export async function complaint(line) {
  const words = line
    .replace(/(^|\s)#.*$/, "")
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");
  while (/^[A-Z_]+=/.test(words[0])) words.shift();
  const [program, ...rest] = words;
  if (program === undefined) return undefined;
  const check = PROGRAMS[program];
  return check ? check(rest) : `${program} is not among the programs that pages may name`;
}

const oneOf = (known) => ([word]) => (known.includes(word) ? undefined : `no subcommand ${word}`);

const PROGRAMS = {
  cargo(words) {
    const [subcommand, ...rest] = words.filter((word) => !word.startsWith("+"));
    if (subcommand === "xtask") return xtask(rest);
    if (subcommand === "run") return server(rest);
    return oneOf(["test", "doc", "install", "fuzz", "package", "deny"])([subcommand]);
  },
  npm: oneOf(["install", "ci", "pack", "run", "create"]),
  async node(words) {
    const files = words.filter((word) => /^[\w.-]+\/[\w./-]*$/.test(word));
    for (const file of files) if (!(await there(file))) return `${file} is not there`;
    return words.length > 0 ? undefined : "nothing to run";
  },
  git: oneOf(["clone", "tag", "switch"]),
  cd: async ([folder]) => ((await there(folder)) ? undefined : `${folder} is not there`),
};

/** The server, started from here: its package is there, and it has these options. */
async function server(words) {
  const at = words.indexOf("--package");
  const manifest = await readFile(join(root, "server/Cargo.toml"), "utf8");
  if (at < 0 || !manifest.includes(`name = "${words[at + 1]}"`)) return `no package ${words[at + 1]}`;
  const [command, ...options] = words.slice(words.indexOf("--") + 1);
  const known = (await readFile(join(root, "server/src/cli.rs"), "utf8")).toLowerCase();
  for (const word of [command, ...options.filter((word) => word.startsWith("--"))]) {
    if (!known.includes(word.replace(/^--/, "").replaceAll("-", "_"))) return `${word} is none of the server's`;
  }
  return undefined;
}

/** A command of `cargo xtask`: its name and each of its options are in the help. */
function xtask([command, ...options]) {
  const begins = new RegExp(`^  ${command}( |$)`, "m");
  if (command === undefined || !begins.test(help)) return "not in the help of cargo xtask";
  for (const option of options.filter((word) => word.startsWith("--"))) {
    if (!help.includes(option)) return `${option} is not in the help`;
  }
  return undefined;
}
