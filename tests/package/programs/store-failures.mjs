// Missing, unreadable, under another key, newer, full: told apart in every store, and nothing that failed to load is
// treated as absent or overwritten.
import { Regrant, generateKeyPair } from "regrant";
import { places } from "../places.mjs";


export default async function ({ code, equal, ok, place, same, vault }) {
  // Somebody new for a session to remember, whenever it is to store something.
  const others = await Regrant.open({ application: "regrant", store: "memory", name: "failures" });
  const keyPair = await generateKeyPair({ modulusLength: 2048 });
  let known = 0;
  const stranger = async () => (await others.connect({ login: `stranger ${known++}`, keyPair })).login;

  for (const { kind, store, read, write, whenFull, whole, remove, keeps } of await places(place, "failures")) {
    const open = () => Regrant.open({ application: "regrant", store, name: "failures" });
    const who = { login: `alice ${kind}`, ...vault(1) };
    const regrant = await open();
    const alice = await regrant.connect(who);
    const bob = await regrant.connect({ login: `bob ${kind}`, ...vault(2) });
    const { bytes } = await alice.encrypt("kept", { shareWith: [bob.login] });
    const [session, memory] = [`session/${who.login}`, `memory/${who.login}`];
    const sound = await read();
    /** What is remembered is several records, of which one that is older than the others counts for nothing. */
    const restore = async () => {
      for (const [key, text] of Object.entries(sound)) if (key.endsWith(`/${who.login}`)) await write(key, text);
    };

    /** Spoils a record: every way in says so with `expected`, and the spoilt record stays. */
    const spoilt = async (key, text, expected, what) => {
      await write(key, text);
      const again = await open();
      const about = `${kind}: ${what}`;
      if (key === session || keeps) await code(again.resume(who.login), expected, about);
      else await code((await again.resume(who.login)).unlock(vault(1)), expected, about);
      await code(again.connect(who), expected, about);
      if (expected === "ERR_UNSUPPORTED_VERSION") await code(again.connect(who, { reset: true }), expected, about);
      if (key === session) {
        await code(alice.lock(), expected, about);
        // What rests could not be locked, and this is said; what is in memory is gone all the same.
        equal(alice.locked, true, about);
        await code(alice.decrypt(bytes), "ERR_LOCKED", about);
        // Refused is not unlocked.
        await code(alice.unlock(vault(1)), expected, about);
        equal(alice.locked, true, about);
      }
      else await code(alice.trust.state(await stranger()), expected, about);
      equal((await read())[key], text, `${about}: was overwritten`);
      equal((await (await open()).resume(bob.login)).login, bob.login, `${about}: another login suffers`);
      await restore();
      if (alice.locked) await alice.unlock(vault(1));
      await code((await open()).connect({ ...who, ...vault(9) }), "ERR_WRONG_SECRET", about);
      await (await open()).connect(who);
    };
    const record = JSON.parse(sound[session]);
    for (const [what, text] of Object.entries({
      "no JSON": "{", "empty": "", "other JSON": "[1]", "no keysets": JSON.stringify({ ...record, keysets: [] }),
      "half of it": sound[session].slice(0, sound[session].length / 2), "another's": sound[`session/${bob.login}`],
      "an older format": JSON.stringify({ ...record, format: 0 }),
    })) await spoilt(session, text, "ERR_STORE_UNREADABLE", what);
    await spoilt(session, JSON.stringify({ format: 2, entirely: "different" }), "ERR_UNSUPPORTED_VERSION", "newer");
    await spoilt(session, JSON.stringify({ ...record, format: 2 }), "ERR_UNSUPPORTED_VERSION", "newer");
    for (const [what, text] of Object.entries({
      "truncated": sound[memory].slice(0, -8), "empty": "", "no base64url": "*", "another's box": sound[`memory/${bob.login}`],
      "a flipped bit": sound[memory].replace(/.$/, (c) => (c === "A" ? "Q" : "A")),
    })) await spoilt(memory, text, "ERR_STORE_UNREADABLE", what);
    await write(memory, sound[`memory/${bob.login}`]);
    ok(/sealed under other keys/.test((await code((await open()).connect(who), "ERR_STORE_UNREADABLE")).message), "what it may be is said");
    await restore();
    const part = `remembered/0/${who.login}`;
    for (const [what, text] of Object.entries({ "truncated": sound[part].slice(0, -8), "another's": sound[`remembered/0/${bob.login}`], "gone": "" })) {
      await spoilt(part, text, "ERR_STORE_UNREADABLE", `a part, ${what}`);
    }
    await spoilt(memory, JSON.stringify({ format: 2 }), "ERR_UNSUPPORTED_VERSION", "newer memory");

    // The way out of what cannot be read is asked for: a reset, or forgetting it.
    await write(session, "{");
    await write(memory, "*");
    const anew = await (await open()).connect(who, { reset: true });
    equal(anew.publicKey.version, 1, "the secret fits: nothing begins anew but what rests here");
    equal((await anew.decrypt(bytes)).data, "kept");
    ok((await read())[session] !== "{");
    await write(session, "{");
    await (await open()).loseKeys(who.login);
    equal((await read())[session], undefined);
    equal(await (await open()).resume(who.login), null);
    await write("last", "{");
    await code((await open()).resume(), "ERR_STORE_UNREADABLE", kind);

    // Full: what was there stays, and the same call succeeds once there is room.
    const living = await (await open()).connect(who);
    const before = await read();
    const full = await open();
    const somebody = await stranger();
    await whenFull(() => code(living.trust.state(somebody), "ERR_QUOTA", kind));
    same(await read(), before, `${kind}: something was written`);
    const error = await whenFull(() => code(full.connect({ login: `carol ${kind}`, ...vault(3) }), "ERR_QUOTA", kind));
    equal(error.retryable, true);
    same(await read(), before, `${kind}: something was written`);
    await living.trust.state(somebody);
    ok((await read())[memory] !== before[memory], `${kind}: what could not be stored is stored once there is room`);
    // Locking there locks what is in memory, says that what rests is not locked, and does that when it is asked again.
    const unlocked = await read();
    await whenFull(() => code(living.lock(), "ERR_QUOTA", kind));
    same([living.locked, await read()], [true, unlocked], kind);
    await living.lock();
    equal((await (await open()).resume(who.login)).locked, true, kind);
    equal((await full.connect({ login: `carol ${kind}`, ...vault(3) })).login, `carol ${kind}`);

    // A store that is one text, spoilt as a whole.
    if (whole) {
      const sound = await whole.read();
      const [unreadable, newer] = ["ERR_STORE_UNREADABLE", "ERR_UNSUPPORTED_VERSION"];
      for (const [text, expected] of [
        ["", unreadable],
        [sound.slice(0, -9), unreadable],
        [JSON.stringify({ regrant: "relay", format: 1, records: {} }), unreadable],
        [JSON.stringify({ regrant: "store", format: 1, records: { last: 1 } }), unreadable],
        [JSON.stringify({ regrant: "store", format: 2 }), newer],
      ]) {
        await whole.write(text);
        await code((await open()).resume(), expected, text);
        await code((await open()).connect(who), expected, text);
        if (expected === newer) await code((await open()).loseKeys(who.login), expected, text);
        equal(await whole.read(), text, "was overwritten");
      }
      await whole.write("{");
      await (await open()).loseKeys(who.login);
      equal(await (await open()).resume(), null);
    }
    remove();
  }

  // An object that fails says why, and what it gives is checked.
  const trouble = new Error("the disk is on fire");
  const told = (get, write) => code(Regrant.open({ application: "regrant", store: { get, write }, name: "failures" }).then((r) => r.connect({ login: "dave", ...vault(4) })), "ERR_STORE_UNREADABLE");
  equal((await told(() => { throw trouble; }, () => {})).cause, trouble);
  equal((await told(() => Promise.reject(trouble), () => {})).cause, trouble);
  equal((await told(() => undefined, async () => { throw trouble; })).cause, trouble);
  for (const text of [1, {}, ["x"], new Uint8Array(1), true]) await told(() => text, () => {});
  await told(() => "x".repeat((1 << 24) + 1), () => {});
  const enospc = Object.assign(new Error("full"), { code: "ENOSPC" });
  const dave = await Regrant.open({ application: "regrant", store: { get() {}, write() { throw enospc; } }, name: "failures" });
  equal((await code(dave.connect({ login: "dave", ...vault(4) }), "ERR_QUOTA")).cause, enospc);
  const never = await Regrant.open({ application: "regrant", store: { get() {}, write: () => false }, name: "failures" });
  await code(never.connect({ login: "dave", ...vault(4) }), "ERR_CONFLICT");
}
