// Encrypting and decrypting as bytes come: any size of piece, errors at the end, both ends given up, and sizes beforehand.
import { Regrant } from "regrant";

export const variants = ["programs", "http"];

const bytes = (length) => Uint8Array.from({ length }, (_, i) => (i * 2654435761) >>> 23);

/** A stream over pieces of some data. */
const from = (data, piece = 65_000) =>
  new ReadableStream({
    start(controller) {
      for (let at = 0; at < data.length; at += piece) controller.enqueue(data.slice(at, at + piece));
      controller.close();
    },
  });

async function collect(stream) {
  const parts = [];
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

export default async function ({ code, equal, ok, rejects, same, vault }) {
  const regrant = await Regrant.open({ application: "regrant", name: "streams" });
  const alice = await regrant.connect({ login: "alice", ...vault(1) });
  const bob = await regrant.connect({ login: "bob", ...vault(2) });

  for (const [length, options] of [
    [0, {}],
    [1, { length: 1, pad: true, sign: true }],
    [300_000, { sign: true }],
    [300_000, { length: 300_000, pad: true }],
    [1_000_000, { length: 1_000_000, metadata: { a: 1 }, shareWith: ["bob"] }],
  ]) {
    const data = bytes(length);
    const { id, sealedLength, transform } = await alice.encryptStream(options);
    ok(transform instanceof TransformStream);
    const sealed = await collect(from(data).pipeThrough(transform));
    equal(sealedLength, options.length === undefined ? undefined : sealed.length, "the size beforehand");

    // As a stream, in pieces of any size, and whole.
    for (const piece of [997, 94, 300_016, sealed.length].filter((piece) => sealed.length / piece < 2000)) {
      const opening = alice.decryptStream();
      ok(opening instanceof TransformStream);
      same(await collect(from(sealed, piece).pipeThrough(opening)), data);
      const { version, author, metadata, type, id: openedId } = await opening.opened;
      same([openedId, version, type, metadata], [id, 1, "bytes", options.metadata ?? {}]);
      same(author, { login: "alice", verified: true, by: options.sign ? "signature" : "grant" });
    }
    const whole = await alice.decrypt(sealed);
    same([whole.id, whole.type], [id, "bytes"]);
    same(whole.data, data);
    if (options.shareWith) same((await bob.decrypt(sealed)).data, data);
    else await code(bob.decrypt(sealed), "ERR_NO_ACCESS");

    // What was sealed whole comes as a stream, too.
    const other = await alice.encrypt(data, { pad: options.pad, sign: options.sign });
    same(await collect(from(other.bytes).pipeThrough(alice.decryptStream())), data);
  }

  // Byte by byte.
  const { transform } = await alice.encryptStream({ length: 700 });
  const small = await collect(from(bytes(700), 1).pipeThrough(transform));
  same(await collect(from(small, 1).pipeThrough(alice.decryptStream())), bytes(700));

  // Truncated, changed, prolonged, somebody else's: an error, also of `opened`, and never wrong data.
  const { bytes: sealed } = await alice.encrypt(bytes(600_000));
  const broken = async (bytes, expected, who = alice) => {
    const opening = who.decryptStream();
    await code(collect(from(bytes).pipeThrough(opening)), expected);
    await code(opening.opened, expected);
  };
  for (const cut of [0, 93, 94, 1000, 262_300, sealed.length - 1]) await broken(sealed.slice(0, cut), "ERR_CORRUPT");
  for (const at of [7, 50, 120, 300_000, sealed.length - 1]) {
    const bad = sealed.slice();
    bad[at] ^= 1;
    await broken(bad, at === 7 ? "ERR_NO_ACCESS" : "ERR_CORRUPT");
  }
  await broken(new Uint8Array([...sealed, 0]), "ERR_CORRUPT");
  await broken(sealed, "ERR_NO_ACCESS", bob);

  // More or less than was said: nothing is granted.
  for (const [length, given] of [[10, 11], [10, 9], [600_000, 300_000]]) {
    const { id, transform } = await alice.encryptStream({ length });
    await code(collect(from(bytes(given)).pipeThrough(transform)), "ERR_BAD_INPUT");
    await code(alice.whoCanRead(id), "ERR_NO_ACCESS");
  }
  await code(alice.encryptStream({ pad: true }), "ERR_BAD_INPUT");
  await code(alice.encryptStream({ length: -1 }), "ERR_BAD_INPUT");
  await code(alice.encryptStream({ shareWith: ["nobody"] }), "ERR_IDENTITY_NOT_FOUND");

  // Given up by whoever writes, or reads.
  const reason = new Error("enough");
  const aborted = alice.decryptStream();
  const reading = collect(aborted.readable);
  await aborted.writable.abort(reason);
  equal(await rejects(reading), reason);
  equal(await rejects(aborted.opened), reason);
  const cancelled = await alice.encryptStream();
  const writer = cancelled.transform.writable.getWriter();
  await cancelled.transform.readable.cancel(reason);
  equal(await rejects(writer.write(new Uint8Array(5))), reason);
  await code(alice.whoCanRead(cancelled.id), "ERR_NO_ACCESS");
  const wrong = await alice.encryptStream();
  wrong.transform.readable.cancel().catch(() => {});
  const typed = (await alice.encryptStream()).transform;
  const outcome = collect(typed.readable);
  outcome.catch(() => {});
  await code(typed.writable.getWriter().write("text"), "ERR_BAD_INPUT");
  await code(outcome, "ERR_BAD_INPUT");

  // A reader that is slow holds the writer back.
  const slow = (await alice.encryptStream()).transform;
  const feed = slow.writable.getWriter();
  let written = 0;
  const writing = (async () => {
    for (; written < 40; written++) await feed.write(bytes(262_144));
    await feed.close();
  })();
  await new Promise((done) => setTimeout(done, 200));
  ok(written < 10, `${written} pieces were taken without a reader`);
  ok((await collect(slow.readable)).length > 40 * 262_144);
  await writing;

  // The session locks while a stream is under way.
  const halfway = (await alice.encryptStream()).transform;
  const half = halfway.writable.getWriter();
  const rest = collect(halfway.readable);
  rest.catch(() => {});
  await half.write(bytes(10));
  await alice.lock();
  await code(half.close(), "ERR_LOCKED");
  await code(rest, "ERR_LOCKED");
  let refused;
  try {
    alice.decryptStream();
  } catch (error) {
    refused = error.code;
  }
  equal(refused, "ERR_LOCKED");
  await regrant.close();
}
