// Two people: sharing, losing a key, hearing of it, comparing the code, access back.
import { deriveSecrets, generateKeyPair, Regrant, RegrantError, Session } from "regrant";

export const variants = ["programs", "inline", "http"];
// Its pairs are made where it runs.
export const makesPairs = true;

export default async function ({ code, equal, ok, same, until }) {
  const kdf = { name: "argon2id", memoryKiB: 19456, iterations: 2 };
  const phone = await Regrant.open({ name: "story", application: "story", kdf });
  const laptop = await Regrant.open({ application: "regrant", name: "story", store: "memory" });
  let alice = await phone.connect({ login: "alice", password: "correct horse" });
  const bob = await laptop.connect({ login: "bob", keyPair: await generateKeyPair({ modulusLength: 2048 }) });
  ok(alice instanceof Session && alice.isNew && !alice.locked);
  same([alice.login, alice.publicKey.version, alice.publicKey.login], ["alice", 1, "alice"]);

  // The password leads to the vault secret that deriveSecrets gives.
  const { vaultSecret, appSecret } = await deriveSecrets("correct horse", { application: "story", login: "alice", kdf });
  ok(vaultSecret !== appSecret);
  equal((await phone.connect({ login: "alice", vaultSecret })).isNew, false);
  await code(phone.connect({ login: "alice", password: "wrong" }), "ERR_WRONG_SECRET");
  await code(phone.connect({ login: "alice", keyPair: await generateKeyPair({ modulusLength: 2048 }) }), "ERR_UNKNOWN_KEY");
  await code(phone.connect({ login: "nobody", vaultSecret }, { register: false }), "ERR_IDENTITY_NOT_FOUND");

  const heard = [];
  for (const event of ["changed", "granted", "notification", "locked", "signedout"]) bob.on(event, () => heard.push(event));
  const told = [];
  const stop = bob.notifications.subscribe((notification) => told.push(notification));

  const shared = await alice.encrypt("shared", { shareWith: ["bob"], metadata: { folder: "ours" } });
  const alone = await alice.encrypt({ mine: [1, 2] });
  const opened = await bob.decrypt(shared.bytes);
  same([opened.id, opened.version, opened.data, opened.type], [shared.id, 1, "shared", "string"]);
  same([opened.metadata, opened.author], [{ folder: "ours" }, { login: "alice", verified: false, by: "grant" }]);
  await code(bob.decrypt(alone.bytes), "ERR_NO_ACCESS");
  await until(() => heard.includes("granted"), "bob did not hear of the grant");
  ok(heard.includes("changed"));

  same(await alice.giveAccess([alone.id], "bob", { until: new Date(Date.now() + 3_600_000) }), { items: 1 });
  same((await bob.decrypt(alone.bytes)).data, { mine: [1, 2] });
  const readers = await bob.whoCanRead(alone.id);
  same(readers.map((reader) => reader.login), ["alice", "bob"]);
  ok(readers[1].until instanceof Date && readers[0].until === undefined);
  const dry = await alice.revoke([alone.id], "bob", { dryRun: true });
  same([dry.items, (await bob.decrypt(alone.bytes)).type], [[alone.id], "json"]);
  const report = await alice.revoke([alone.id], "bob");
  same([report.login, report.items, report.stillUnderOldKey, report.stillGranted], ["bob", [alone.id], [alone.id], []]);
  // What a device holds opens until it hears of the end: a relay elsewhere tells a moment later, so it is asked here.
  await code(bob.decrypt(alone.bytes, { fresh: true }), "ERR_NO_ACCESS");

  // A new version, signed and padded.
  const next = await alice.encrypt("shared, again", { id: shared.id, sign: true, pad: true });
  same([next.id, next.version, next.dropped], [shared.id, 2, []]);
  same((await bob.decrypt(next.bytes)).author, { login: "alice", verified: false, by: "signature" });
  await code(bob.decrypt(shared.bytes), "ERR_OUTDATED");

  // The loss.
  await phone.loseKeys("alice");
  await code(alice.decrypt(next.bytes), "ERR_NOT_CONNECTED");
  equal(await phone.resume("alice"), null);
  alice = await phone.connect({ login: "alice", password: "another horse" }, { reset: true });
  same([alice.isNew, alice.publicKey.version], [false, 2]);
  await code(alice.decrypt(next.bytes), "ERR_NO_ACCESS");
  await until(() => told.length > 0, "bob was not told");
  stop();
  const [notification] = await bob.notifications.pendingAfter(0, { type: "KEY_PAIR_UPDATE" });
  same([told, heard.includes("notification")], [[notification], true]);
  same([notification.author, notification.status], ["alice", "pending"]);
  const { dataOwnerConcernedId, dataOwnerConcernedPubKey } = notification.properties;
  same([dataOwnerConcernedId, dataOwnerConcernedPubKey], ["alice", alice.publicKey.encryption]);
  equal(await bob.trust.state("alice"), "changed");
  await code(bob.encrypt("no", { shareWith: ["alice"] }), "ERR_IDENTITY_CHANGED");
  equal((await bob.trust.candidates("alice"))[0].fingerprint, alice.publicKey.fingerprint);

  // Nothing without the right code.
  const give = (o) => bob.giveAccessBackTo("alice", dataOwnerConcernedPubKey, o);
  await code(give(), "ERR_VERIFICATION_FAILED");
  await code(give({ verificationCode: "00000 00000 00000 00000 00000 00000" }), "ERR_VERIFICATION_FAILED");
  await bob.notifications.setStatus(notification.id, "ongoing");
  await bob.notifications.setStatus(notification.id, "ongoing");
  equal((await bob.notifications.get(notification.id)).status, "ongoing");
  const receipt = await give({ verificationCode: await alice.trust.verificationCode("alice") });
  same([receipt.giver, receipt.requester, receipt.exchanges.length > 0], ["bob", "alice", true]);
  equal((await bob.notifications.get(notification.id)).status, "completed");
  await alice.refresh();
  equal((await alice.decrypt(next.bytes)).data, "shared, again");
  await code(alice.decrypt(alone.bytes), "ERR_NO_ACCESS");
  equal(await bob.trust.state("alice"), "verified");

  // Secrets: change, lock, unlock, renew.
  await alice.changeSecret({ password: "third horse" }, { password: "another horse" });
  await code(alice.changeSecret({ password: "x" }, { password: "another horse" }), "ERR_WRONG_SECRET");
  await alice.lock();
  equal(alice.locked, true);
  await code(alice.decrypt(next.bytes), "ERR_LOCKED");
  await code(alice.unlock({ password: "another horse" }), "ERR_WRONG_SECRET");
  await alice.unlock({ password: "third horse" });
  equal((await alice.decrypt(next.bytes)).data, "shared, again");
  await alice.identities.renewKeys();
  same([alice.publicKey.version, (await alice.identities.history("alice")).map((key) => key.version)], [3, [1, 2, 3]]);
  const keys = await bob.identities.getLatestPublicKeys(["bob", "alice", "bob"]);
  same(keys.map((key) => [key.login, key.version]), [["bob", 1], ["alice", 3], ["bob", 1]]);
  same(await bob.identities.getLatestPublicKey("alice"), alice.publicKey);
  equal((await bob.identities.getPublicKey({ login: "alice", version: 2 })).version, 2);
  await code(bob.identities.getPublicKey({ login: "alice", version: 9 }), "ERR_NOT_FOUND");
  const missing = await code(bob.identities.getPublicKeys([{ login: "zoe", version: 1 }, { login: "yan", version: 1 }]), "ERR_IDENTITY_NOT_FOUND");
  same([...missing.logins].sort(), ["yan", "zoe"]);
  await bob.trust.verify("alice", await alice.trust.qrPayload("alice"));
  equal((await alice.sign(new Uint8Array(3))).length, 64);
  // Of a message that is long the hash is signed: WebKitGTK ends a page that has 64 KiB signed.
  equal((await alice.sign(new Uint8Array(1 << 20))).length, 64);

  // The end.
  await bob.disconnect();
  await bob.disconnect();
  await until(() => heard.includes("signedout"));
  const ended = await code(bob.encrypt("x"), "ERR_NOT_CONNECTED");
  ok(ended instanceof RegrantError && ended instanceof Error && ended.retryable === false);
  await phone.close();
  await phone.close();
  await code(phone.connect({ login: "alice", vaultSecret }), "ERR_NOT_CONNECTED");
  await code(alice.refresh(), "ERR_NOT_CONNECTED");
}
