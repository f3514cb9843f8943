// Files that the relay keeps: ranges, progress, abort, going on after a reload, and readers.
import { Regrant } from "regrant";

export const variants = ["programs", "http"];


const MiB = 1 << 20;
const bytes = (length, seed = 1) => Uint8Array.from({ length }, (_, i) => ((i + seed) * 2654435761) >>> 23);

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
  const open = (store) => Regrant.open({ application: "regrant", name: "files", store });
  const regrant = await open("memory");
  const alice = await regrant.connect({ login: "alice", ...vault(1) });
  const bob = await regrant.connect({ login: "bob", ...vault(2) });

  for (const [length, options] of [
    [0, {}],
    [10, { sign: true, pad: true }],
    [256 * 1024, {}],
    [5 * MiB + 3, { pad: true, metadata: { folder: "x" } }],
  ]) {
    const data = bytes(length);
    const { id } = await alice.store(new Blob([data], { type: "text/plain" }), options);
    const found = await alice.retrieve(id);
    same([found.id, found.type, found.mediaType, found.length], [id, "blob", "text/plain", length]);
    same([found.metadata, found.author.login], [options.metadata ?? {}, "alice"]);
    equal(found.author.by, options.sign ? "signature" : "grant");
    same(await collect(found.stream), data);
    await code(bob.retrieve(id), "ERR_NO_ACCESS");
    // Its bytes would stay the old ones, and `retrieve` give what nobody is to see any more.
    const error = await code(alice.encrypt("version 2", { id }), "ERR_BAD_INPUT");
    ok(/a stored file has one version/.test(error.message), error.message);
    same(await collect((await alice.retrieve(id)).stream), data);
  }

  // Ranges, with progress.
  const data = bytes(3 * MiB + 77);
  const told = [];
  const { id } = await alice.store(new File([data], "a.bin", { type: "application/x" }), {
    shareWith: ["bob"],
    onProgress: (done, total) => told.push([done, total]),
  });
  same([told[0], told.at(-1)], [[0, data.length], [data.length, data.length]]);
  for (const [from, to] of [[0, 0], [0, 1], [5, 5], [262_143, 262_145], [MiB, 2 * MiB], [data.length - 1, data.length], [0, 1e12], [1e12, 2e12]]) {
    const { stream, length, name } = await bob.retrieve(id, { range: [from, to] });
    same([length, name], [data.length, "a.bin"]);
    same(await collect(stream), data.slice(from, to), `${from} ${to}`);
  }
  const seen = [];
  const { stream } = await bob.retrieve(id, { onProgress: (done, total) => seen.push([done, total]) });
  same(await collect(stream), data);
  same(seen.at(-1), [data.length, data.length]);
  for (const range of [[2, 1], [-1, 4], [0], "0-1", [0.5, 1]]) await code(bob.retrieve(id, { range }), "ERR_BAD_INPUT");

  // Access is the item's: given, listed, revoked.
  same((await bob.whoCanRead(id)).map((reader) => reader.login), ["alice", "bob"]);
  await alice.revoke([id], "bob");
  await code(bob.retrieve(id), "ERR_NO_ACCESS");
  await alice.giveAccess([id], "bob");
  same(await collect((await bob.retrieve(id, { range: [7, 9] })).stream), data.slice(7, 9));

  // What is not kept here, and what is no file.
  const elsewhere = await alice.encrypt("bytes elsewhere");
  await code(alice.retrieve(elsewhere.id), "ERR_NOT_FOUND");
  await code(alice.retrieve("00000000-0000-4000-8000-000000000000"), "ERR_NO_ACCESS");
  await code(alice.store(new Uint8Array(3)), "ERR_BAD_INPUT");
  await code(alice.store(new Blob(["x"]), { shareWith: ["nobody"] }), "ERR_IDENTITY_NOT_FOUND");

  // Reading that is given up, by the reader and by a signal.
  const given = await alice.retrieve(id);
  await given.stream.cancel();
  const stopping = new AbortController();
  const stopped = await alice.retrieve(id, { signal: stopping.signal });
  stopping.abort(new Error("enough"));
  equal((await rejects(collect(stopped.stream))).message, "enough");

  // Aborted, and gone on with: what was sent is not sent again, also by another session on the same device.
  const film = new File([bytes(13 * MiB, 5)], "film");
  const abort = new AbortController();
  const aborting = alice.store(film, { signal: abort.signal, onProgress: (done) => done >= 8 * MiB && abort.abort() });
  equal((await rejects(aborting)).name, "AbortError");
  const again = await regrant.connect({ login: "alice", ...vault(1) });
  const resumed = await again.store(film);
  same((await collect((await again.retrieve(resumed.id)).stream)).length, film.size);
  same(await collect((await again.retrieve(resumed.id, { range: [9 * MiB, 9 * MiB + 50] })).stream), bytes(13 * MiB, 5).slice(9 * MiB, 9 * MiB + 50));

  // Another file of the same name and size is never sealed under the same key: it begins anew.
  const stop = new AbortController();
  await rejects(alice.store(film, { signal: stop.signal, onProgress: (done) => done >= 8 * MiB && stop.abort() }));
  const other = new File([bytes(13 * MiB, 6)], "film");
  const { id: fresh } = await alice.store(other);
  ok(fresh !== resumed.id);
  same((await collect((await alice.retrieve(fresh)).stream)).slice(-10), bytes(13 * MiB, 6).slice(-10));
  const changed = bytes(13 * MiB, 5);
  changed[10 * MiB] ^= 1;
  const { id: third } = await alice.store(new File([changed], "film"));
  same(await collect((await alice.retrieve(third, { range: [10 * MiB, 10 * MiB + 4] })).stream), changed.slice(10 * MiB, 10 * MiB + 4));

  // Two calls for one file at once are two items.
  const twice = await Promise.all([alice.store(new Blob(["same"])), alice.store(new Blob(["same"]))]);
  ok(twice[0].id !== twice[1].id);
  for (const { id } of twice) equal(new TextDecoder().decode(await collect((await alice.retrieve(id)).stream)), "same");

  // Nothing of uploads is left behind on a device that signs out, and a file goes with the access back.
  await alice.disconnect();
  const back = await regrant.connect({ login: "alice", ...vault(3) }, { reset: true });
  await code(back.retrieve(id), "ERR_NO_ACCESS");
  await bob.giveAccessBackTo("alice", back.publicKey.encryption, { verificationCode: await back.trust.verificationCode("alice") });
  same(await collect((await back.retrieve(id, { range: [0, 5] })).stream), data.slice(0, 5));
  await regrant.close();
}
