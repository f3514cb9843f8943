import { init, version } from "regrant";

export default async function ({ equal, rejects, version: packed }) {
  await rejects(init(new Uint8Array([1, 2, 3])), /CompileError/);
  await rejects(init(42), /TypeError.*init\(\) takes/);
  await rejects(init(Promise.reject(new Error("offline"))), /offline/);
  await rejects(init(new Response("gone", { status: 404 })), /404/);
  await rejects(init(new Response("<!doctype html>", { headers: { "content-type": "text/html" } })), /not WebAssembly/);
  await init();
  equal(await version(), packed);
}
