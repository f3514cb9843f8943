// Modules of the built package, or of the one in the folder that REGRANT_PACKAGE names, also such as it does not export.
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const folder = process.env.REGRANT_PACKAGE ?? fileURLToPath(new URL("../../pkg", import.meta.url));

/** @param {string} path of a module within the package */
export const fromPackage = (path) => import(pathToFileURL(join(folder, path)).href);
