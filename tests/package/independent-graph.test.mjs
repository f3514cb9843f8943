// Groups, statements and requests for access, between the package and the independent implementation (tests/independent/,
// written from docs/protocol.md). They meet in a relay in a directory and share no code.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Reader } from "../independent/reader.mjs";
import { readRelay, writeRelay } from "../independent/relay.mjs";
import { newSecret } from "../independent/slots.mjs";
import { checkRequest, checkStatement, makeStatement, openPins, sealAnswer } from "../independent/statements.mjs";
import { toBase64url } from "../independent/transcript.mjs";
import { packed, vault } from "../tools/packed.mjs";

let made;
before(async () => void (made = await packed()));
after(() => made?.remove());

describe("the sharing graph, read by the independent reader", () => {
  const secrets = { alice: newSecret(), bob: newSecret(), eve: newSecret() };
  const sealed = {};
  let directory, alice, bob, reader, records;

  const connect = async (login) => (await made.device(directory)).connect({ login, ...vault(secrets[login]) });
  const look = () => {
    records = readRelay(directory);
    reader = new Reader(records);
  };
  const value = (key) => records.get(key)?.value;

  before(async () => {
    directory = join(made.folder, "graph");
    [alice, bob] = [await connect("alice"), await connect("bob")];
    await connect("eve");
    await alice.identities.create({ login: "ward", name: "Ward", kind: "group" }, { sharingGroup: ["alice", "bob", "eve"] });
    await alice.identities.create({ login: "files", kind: "group" }, { sharingGroup: ["ward"] });
    sealed.before = await bob.encrypt("before", { shareWith: ["files"] });
    await bob.identities.replaceSharingGroup("ward", ["alice", "bob"]);
    sealed.after = await alice.encrypt("after", { shareWith: ["files"] });
    await alice.trust.verify("bob", await bob.trust.verificationCode("bob"));
    await alice.shareFuture(["bob"]);
    await alice.identities.setNamed("alice", "plan", sealed.after.id);
    look();
  });

  test("every keyset, maker, author, manifest and chain verifies", () => {
    const { keysets, chained, broken, manifests } = reader.checkAll();
    assert.deepEqual({ keysets, chained, broken, manifests }, { keysets: 7, chained: 2, broken: 0, manifests: 7 });
    const [, second] = value("identity/ward").keysets;
    assert.equal(second.keyset.maker.login, "bob");
    assert.equal(second.manifest.author.login, "bob");
  });

  test("members open both versions hop by hop, and read all; the excluded opens nothing", () => {
    for (const login of ["alice", "bob"]) {
      const ward = reader.openAs("ward", reader.openWithSecret(login, secrets[login]));
      const files = reader.openAs("files", ward);
      assert.deepEqual([ward.size, files.size], [2, 2]);
      assert.equal(reader.read(files, sealed.before.bytes).data.toString(), "before");
      assert.equal(reader.read(files, sealed.after.bytes).data.toString(), "after");
    }
    const eve = reader.openWithSecret("eve", secrets.eve);
    assert.equal(reader.openAs("ward", eve).size, 0);
  });

  test("what identities say is signed by them, and pins open with the keyset that boxed them", () => {
    const keyset = (s) => reader.find(s.fingerprint);
    const profile = value("statement/ward/profile");
    assert.deepEqual(checkStatement(profile, keyset(profile)), { name: "Ward", kind: "group" });
    const shares = value("statement/alice/shares");
    assert.deepEqual(checkStatement(shares, keyset(shares)), { logins: ["bob"] });
    const named = value("statement/alice/named/plan");
    assert.deepEqual(checkStatement(named, keyset(named)), { item: sealed.after.id });
    const pins = value("statement/alice/pins");
    checkStatement(pins, keyset(pins));
    const own = reader.openWithSecret("alice", secrets.alice).get(pins.fingerprint);
    assert.equal(openPins(pins, own).pins.bob.verified, true);
  });

  test("what the independent program says is believed, and what it answers is opened", async () => {
    const asked = await bob.identities.requestAccess({ login: "alice", scope: "your word" });
    look();
    const key = `request/${asked.id}`;
    const { request } = value(key);
    checkRequest(request, reader.find(request.application.fingerprint));
    assert.equal(request.scope, "your word");
    const [own] = reader.openWithSecret("alice", secrets.alice).values();
    writeRelay(directory, {
      [key]: { request, status: "resolved", answer: sealAnswer(request, Buffer.from("my word"), own) },
      "statement/alice/profile": makeStatement(own, "profile", 1, { name: "Alice", kind: "user", payload: { n: 1.5 } }),
    });
    const said = await asked.wait({ timeoutMs: 10_000 });
    assert.equal(Buffer.from(said.answer).toString(), "my word");
    assert.deepEqual(said.author, { login: "alice", verified: false });
    const { name, payload } = await bob.identities.get("alice");
    assert.deepEqual({ name, payload }, { name: "Alice", payload: { n: 1.5 } });
    assert.equal(toBase64url(own.fingerprint), reader.identity("alice").map(({ manifest }) => manifest.fingerprint)[0]);
  });
});
