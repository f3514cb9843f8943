// Items that are sealed and opened in their own memory: above a mebibyte, of any form, and with the caller's bytes
// changed as soon as the call has returned. What comes out opens as a stream too, which works in another way.
import { Regrant } from "regrant";


const MiB = 1 << 20;

/** Bytes that are different everywhere, and cheap. */
function bytes(length) {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0, word = 1; i < words.length; i++) words[i] = word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
  return new Uint8Array(words.buffer, 0, length).slice();
}

const alike = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

async function streamed(session, sealed) {
  const blob = new Blob([sealed]).stream().pipeThrough(session.decryptStream());
  return new Uint8Array(await new Response(blob).arrayBuffer());
}

export default async function ({ code, ok, same, vault }) {
  for (const engine of ["auto", "rust"]) {
    const regrant = await Regrant.open({ application: "regrant", store: "memory", name: `large-${engine}`, engine });
    const alice = await regrant.connect({ login: "alice", ...vault(1) });
    const all = [{}, { sign: true, metadata: { note: "é" } }, { pad: true }, { pad: true, sign: true }];
    const runs = engine === "rust" ? [[MiB + 1, all.slice(1, 3)]] : [[5 * 262_144, all.slice(0, 2)], [5 * 262_144 + 17, all], [5 * MiB, all.slice(0, 1)]];
    for (const [length, some] of runs) {
      for (const options of some) {
        const data = bytes(length);
        const given = data.slice();
        const sealing = alice.encrypt(given, options);
        given.fill(0);
        const sealed = (await sealing).bytes;
        ok(alike(await streamed(alice, sealed), data), `${length}: another content as a stream`);
        const copy = sealed.slice();
        const opening = alice.decrypt(copy);
        copy.fill(0);
        const opened = await opening;
        ok(alike(opened.data, data), `${length}: another content`);
        same([opened.type, opened.data.byteOffset, opened.data.buffer.byteLength], ["bytes", 0, length]);
        same(opened.metadata, options.metadata ?? {});
        same(sealed.byteLength, sealed.buffer.byteLength);
      }
    }

    const data = bytes(2 * MiB + 3);
    const { bytes: sealed } = await alice.encrypt(data.slice().buffer, { sign: true });
    const opened = await alice.decrypt(sealed);
    ok(opened.type === "buffer" && alike(new Uint8Array(opened.data), data));
    ok(alike(new Uint8Array((await alice.decrypt(new Blob([sealed]))).data), data));
    // Given as part of something larger, and as a buffer.
    const within = new Uint8Array(sealed.length + 20);
    within.set(sealed, 10);
    ok(alike(new Uint8Array((await alice.decrypt(within.subarray(10, 10 + sealed.length))).data), data));
    ok(alike(new Uint8Array((await alice.decrypt(sealed.slice().buffer)).data), data));
    const [first, second] = await alice.decryptMany([sealed, sealed]);
    ok(alike(new Uint8Array(first.data), data) && alike(new Uint8Array(second.data), data));

    // One byte anywhere, and bytes that are missing or too many.
    for (const at of [5, 40, 95, 262_144 + 500, sealed.length - 400, sealed.length - 1]) {
      const changed = sealed.slice();
      changed[at] ^= 1;
      const error = await alice.decrypt(changed).then(() => undefined, (error) => error);
      ok(["ERR_CORRUPT", "ERR_NO_ACCESS", "ERR_UNSUPPORTED_VERSION"].includes(error?.code), `byte ${at}: ${error}`);
    }
    await code(alice.decrypt(sealed.subarray(0, sealed.length - 1)), "ERR_CORRUPT");
    await code(alice.decrypt(sealed.subarray(0, sealed.length - 380)), "ERR_CORRUPT");
    const longer = new Uint8Array(sealed.length + 1);
    longer.set(sealed);
    await code(alice.decrypt(longer), "ERR_CORRUPT");
    const gone = data.slice();
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    ok(alike((await alice.decrypt((await alice.encrypt(data)).bytes)).data, data));
    await code(alice.encrypt(gone.buffer), "ERR_BAD_INPUT");
    await regrant.close();
  }
}
