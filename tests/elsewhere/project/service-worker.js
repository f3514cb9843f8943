import { told } from "./story.js";

addEventListener("message", (event) => event.waitUntil(told("service").then((outcome) => event.source.postMessage(outcome))));
