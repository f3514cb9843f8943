import { init, version } from "regrant";

export const variants = ["programs", "inline"];

export default async function ({ code, equal, rejects, version: packed }) {
  const broken = await code(init(new Uint8Array([1, 2, 3])), "ERR_INIT_FAILED");
  equal(broken.cause.name, "CompileError");
  equal(broken.retryable, true);
  await rejects(init(42), /RegrantError.*init\(\) takes/);
  await code(init(42), "ERR_BAD_INPUT");
  await rejects(init(Promise.reject(new Error("offline"))), /offline/);
  await rejects(init(new Response("gone", { status: 404 })), /404/);
  await rejects(init(new Response("<!doctype html>", { headers: { "content-type": "text/html" } })), /not WebAssembly/);
  await init();
  equal(await version(), packed);
}
