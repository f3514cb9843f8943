// Loaded before a page's program: where it says nothing else, passwords are derived at the floor of what the package takes,
// in place of its default, which is three times the memory. Everything else is as on the page.
import { Regrant } from "regrant";

const kdf = { name: "argon2id", memoryKiB: 19456, iterations: 2 };
const { open } = Regrant;
Regrant.open = (options) => open.call(Regrant, { kdf, ...options });
