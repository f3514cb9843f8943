// Prints the repository's webdriver.json for one engine, with what this machine needs added: the browser's file and flags.
//
//   node tests/tools/webdriver.mjs chromium|firefox
import { readFileSync } from "node:fs";
import { argv, env } from "node:process";
import { executable, flags } from "./browser.mjs";

const tracked = JSON.parse(readFileSync(new URL("../../webdriver.json", import.meta.url), "utf8"));
const added = {
  chromium: () => ["goog:chromeOptions", { binary: executable(), args: flags() }],
  firefox: () => ["moz:firefoxOptions", { binary: env.FIREFOX }],
};
// Only one is asked for: a driver refuses another browser's options.
const [name, options] = added[argv[2]]();
console.log(JSON.stringify({ [name]: { ...tracked[name], ...options } }, null, 2));
