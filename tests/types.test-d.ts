// What a program in TypeScript may write; compiled by `cargo xtask check`, never run.
import { init, version, type WasmSource } from "regrant";

const sources: WasmSource[] = [
  "/regrant_bg.wasm",
  new URL("https://example.org/regrant_bg.wasm"),
  new Response(),
  fetch("/regrant_bg.wasm"),
  new ArrayBuffer(8),
  new Uint8Array(8),
  new WebAssembly.Module(new Uint8Array(8)),
];
for (const source of sources) await init(source);
await init();

export const text: string = await version();

// @ts-expect-error: it takes nothing
await version(1);
