// The worker that derives a password's secrets in browsers.
import { answer } from "./answer.js";

addEventListener("message", ({ data }) => answer(data, (said) => postMessage(said)));
