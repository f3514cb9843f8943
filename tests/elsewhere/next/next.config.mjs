// The tools are two folders up, as in a workspace.
import { resolve } from "node:path";

const root = resolve("../../..");
export default { turbopack: { root }, outputFileTracingRoot: root };
