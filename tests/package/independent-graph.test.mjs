// Groups, statements and requests for access, between the package and the independent implementation (tests/independent/,
// written from docs/protocol.md). They meet in a relay in a directory and share no code.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Reader } from "../independent/reader.mjs";
import { readRelay, writeRelay } from "../independent/relay.mjs";
import { newSecret } from "../independent/slots.mjs";
import { makeHead, meaning, nameOf, namedProfile, readHead } from "../independent/heads.mjs";
import { checkRequest, checkStatement, makeStatement, sealAnswer } from "../independent/statements.mjs";
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

  const own = (login) => reader.openWithSecret(login, secrets[login]).get(value(`said/${login}`).head.fingerprint);
  const piece = (login) => (name) => value(`piece/${login}/${Buffer.from(name, "base64url").toString("hex")}`);
  const said = (login) => readHead(value(`said/${login}`).head, own(login), piece(login));

  test("what identities say is signed by them, and opens with the keyset that signed it", () => {
    const profile = value("statement/ward/profile");
    assert.deepEqual(checkStatement(profile, reader.find(profile.fingerprint)), { name: "Ward", kind: "group" });
    const { entries, pieces } = said("alice");
    const { shares, names, pins } = meaning(entries);
    assert.deepEqual({ shares, names }, { shares: ["bob"], names: { plan: sealed.after.id } });
    assert.equal(pins.bob.verified, true);
    assert.equal(pieces, value("said/alice").pieces);
    // The group's: by its newest keys, which the profile is renewed with.
    const ward = reader.openAs("ward", reader.openWithSecret("alice", secrets.alice)).get(value("said/ward").head.fingerprint);
    const head = readHead(value("said/ward").head, ward, piece("ward"));
    assert.deepEqual(head.profile, namedProfile(profile));
    assert.equal(head.entries.size, 0);
  });

  test("so many pieces as the independent program makes are read, and the other way round", async () => {
    look();
    const { entries } = said("alice");
    const more = new Map(entries);
    const at = Date.now();
    for (let n = 0; n < 400; n++) more.set(`named\nplan ${n}`, { at, value: sealed.before.id });
    const { head, pieces } = makeHead(own("alice"), value("said/alice").head, more, said("alice").profile);
    assert.ok(Object.keys(pieces).length > 5);
    const bytes = Object.values(pieces).reduce((sum, sealed) => sum + Buffer.from(sealed, "base64url").length, 0);
    writeRelay(directory, {
      "said/alice": { head, pieces: Object.keys(pieces).length, bytes },
      ...Object.fromEntries(Object.entries(pieces).map(([name, sealed]) => [`piece/alice/${Buffer.from(name, "base64url").toString("hex")}`, sealed])),
    });
    const phone = await (await made.device(directory)).connect({ login: "alice", ...vault(secrets.alice) });
    assert.deepEqual([...phone.warnings], []);
    assert.equal(await phone.identities.getNamed("alice", "plan 399"), sealed.before.id);
    assert.deepEqual(await phone.sharingFuture(), ["bob"]);
    // One more name: the pieces on one way, and all others as the independent program made them.
    await phone.identities.setNamed("alice", "one more", sealed.after.id);
    look();
    const now = said("alice");
    assert.equal(meaning(now.entries).names["one more"], sealed.after.id);
    assert.equal(now.entries.size, more.size + 1);
    const kept = Object.entries(pieces).filter(([name, sealed]) => piece("alice")(name) === sealed && nameOf(sealed) === name);
    assert.ok(kept.length >= Object.keys(pieces).length - 2, `${kept.length} of ${Object.keys(pieces).length}`);
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
