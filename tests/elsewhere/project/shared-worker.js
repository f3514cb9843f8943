import { told } from "./story.js";

addEventListener("connect", ({ ports: [port] }) => told("shared").then((outcome) => port.postMessage(outcome)));
