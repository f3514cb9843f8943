// The thread that derives a password's secrets in Node.
import { parentPort } from "node:worker_threads";
import { answer } from "./answer.js";

parentPort.once("message", (asked) => answer(asked, (said) => parentPort.postMessage(said)));
