// `regrant/relay`: a relay inside a server of one's own, for Node. Its WebAssembly is loaded at the first request.
import { openDirectory } from "../relay/directory.js";
import { memoryStorage } from "../relay/memory.js";
import { ServedRelay } from "./relay.js";
import { sqliteStorage } from "./sqlite.js";

export { RegrantError } from "../errors.js";
export { memoryStorage, sqliteStorage };

export const createRelay = (o) => new ServedRelay(o);

/** What an embedded relay keeps in a folder, for `createRelay`. */
export const directoryStorage = async (folder) => (await openDirectory(folder)).storage;
