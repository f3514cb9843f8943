import { init, version } from "regrant";

export default async function ({ equal, wasmBytes, version: packed }) {
  const bytes = await wasmBytes();
  const { compile } = WebAssembly;
  let compiled = 0;
  // Node compiles a module of its own for HTTP, so only ours counts.
  WebAssembly.compile = (given) => {
    if (given === bytes) compiled++;
    return compile(given);
  };
  await Promise.all([init(bytes), init(bytes), version(), init(bytes)]);
  await init(bytes);
  WebAssembly.compile = compile;
  equal(compiled, 1, "compiled more than once");
  equal(await version(), packed);
}
