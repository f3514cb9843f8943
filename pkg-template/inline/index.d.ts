/** The same package with the WebAssembly inside the JavaScript: nothing else is fetched. */
export * from "../index.js";
