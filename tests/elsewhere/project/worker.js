import { told } from "./story.js";

told("dedicated").then((outcome) => postMessage(outcome));
