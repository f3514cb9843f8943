// Prints the repository's webdriver.json with what this machine needs added: the browser's file and flags.
import { readFileSync } from "node:fs";
import { executable, flags } from "./browser.mjs";

const capabilities = JSON.parse(readFileSync(new URL("../../webdriver.json", import.meta.url), "utf8"));
const chrome = { ...capabilities["goog:chromeOptions"], binary: executable(), args: flags() };
// Only Chromium is asked for: a driver refuses another browser's options.
console.log(JSON.stringify({ "goog:chromeOptions": chrome }, null, 2));
