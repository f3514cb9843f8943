// Another process that counts in a folder: node counting.mjs FOLDER KEY TIMES
import { argv } from "node:process";
import { openDirectory } from "../../pkg-template/relay/directory.js";
import { count } from "./suite.mjs";

const [folder, key, times] = argv.slice(2);
const { storage } = await openDirectory(folder);
await count(storage, key, Number(times));
