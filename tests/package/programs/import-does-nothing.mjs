export const variants = ["programs", "inline"];
// Importing must be safe during server-side rendering: it fetches nothing and compiles nothing.
export default async function ({ equal, version: packed }) {
  const touched = [];
  const spied = [
    [globalThis, "fetch"],
    ...["compile", "compileStreaming", "instantiate", "instantiateStreaming"].map((name) => [WebAssembly, name]),
  ].filter(([owner, name]) => owner[name]);
  const originals = spied.map(([owner, name]) => owner[name]);
  for (const [at, [owner, name]] of spied.entries()) {
    owner[name] = (...args) => {
      touched.push(name);
      return originals[at].apply(owner, args);
    };
  }
  const { version } = await import("regrant");
  await new Promise((done) => setTimeout(done, 50));
  equal(touched.join(), "", "importing touched something");
  equal(await version(), packed);
  equal(touched.length > 0, true, "the spies see the module being loaded");
  for (const [at, [owner, name]] of spied.entries()) owner[name] = originals[at];
}
