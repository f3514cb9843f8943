// Two write one item. Whoever did not see what the other wrote is told so, and writes nothing over it.
import { Regrant } from "regrant";
import { createRelay } from "regrant/testing";
import { device, outcome } from "../trust.mjs";
import { read, world } from "../world.mjs";

export const variants = ["programs"];

const CONFLICT = "somebody else wrote version 2 first: decrypt it, and encrypt again";

/** Two devices of Ann's that both read version 1. */
async function devices({ vault }) {
  const relay = createRelay();
  const [phone, laptop] = [await device(relay.view(), "ann", vault(1)), await device(relay.view(), "ann", vault(1))];
  const one = await phone.encrypt({ note: "milk" });
  const { id } = one;
  return { relay, phone, laptop, one, id, next: (session, note, o) => session.encrypt({ note }, { id, ...o }) };
}

const note = async (session, bytes, o) => (await session.decrypt(bytes, o)).data.note;

export const scenarios = {
  "what another device wrote meanwhile is a conflict, and can be merged": async ({ code, equal, ...assert }) => {
    const { relay, phone, laptop, one, next } = await devices(assert);
    equal(await note(laptop, one.bytes), "milk");
    const two = await next(phone, "milk, and the doctor's number");
    const before = relay.keys.length;
    const error = await code(next(laptop, "milk, bread"), "ERR_CONFLICT");
    equal([error.message, error.retryable].join(), `${CONFLICT},false`);
    // Asking once more is no answer to it.
    await code(next(laptop, "milk, bread"), "ERR_CONFLICT");
    equal(relay.keys.length, before, "nothing is written");
    equal(await note(laptop, two.bytes), "milk, and the doctor's number");
    const three = await next(laptop, "milk, bread, and the doctor's number");
    equal(three.version, 3);
    equal(await note(phone, three.bytes), "milk, bread, and the doctor's number");
    // What is older opens for whoever asks for it, and the next version still follows the newest that was opened.
    await code(phone.decrypt(two.bytes), "ERR_OUTDATED");
    equal(await note(phone, two.bytes, { older: true }), "milk, and the doctor's number");
    equal((await next(phone, "nothing")).version, 4);
  },

  "a session that never saw the item says what its version follows": async ({ code, equal, ok, ...assert }) => {
    const { phone, laptop, next } = await devices(assert);
    ok(/decrypt it first, or say with ifVersion/.test((await code(next(laptop, "?"), "ERR_BAD_INPUT")).message));
    await next(phone, "milk, eggs");
    const error = await code(next(laptop, "?", { ifVersion: 1 }), "ERR_CONFLICT");
    equal(error.message, CONFLICT);
    ok(/no version 3 of this item yet: the newest is 2/.test((await code(next(laptop, "?", { ifVersion: 3 }), "ERR_CONFLICT")).message));
    equal((await next(laptop, "bread", { ifVersion: 2 })).version, 3);
    // Now it has seen it; and the phone, which has not, writes over whatever is there.
    await code(next(phone, "?"), "ERR_CONFLICT");
    equal((await next(phone, "nothing", { ifVersion: "latest" })).version, 4);
    equal((await next(phone, "nothing at all")).version, 5);
  },

  "what was read before a reload counts after it, and what another tab read does not": async ({ code, equal, until, vault }) => {
    const relay = createRelay();
    const open = () => Regrant.open({ application: "regrant", relay, store: "memory" });
    const [phone, laptop] = [await (await open()).connect({ login: "ann", ...vault(1) }), await open()];
    const tab = await laptop.connect({ login: "ann", ...vault(1) });
    const one = await phone.encrypt("one");
    const next = (session, data) => session.encrypt(data, { id: one.id });
    await tab.decrypt(one.bytes);
    const reloaded = await laptop.resume("ann");
    equal(await read(reloaded, (await next(reloaded, "two")).bytes), "two");
    // The reloaded one wrote it; the other tab, which shares the store, shows version 1 still.
    await tab.encrypt("something else, with which the tab hears what the other one remembers");
    await until(async () => (await outcome(tab.decrypt(one.bytes))).code === "ERR_OUTDATED");
    equal((await code(next(tab, "lost"), "ERR_CONFLICT")).message, CONFLICT);
    // Locked and unlocked, it knows as much as before.
    await tab.lock();
    await tab.unlock(vault(1));
    await code(next(tab, "lost"), "ERR_CONFLICT");
    equal((await next(await laptop.resume("ann"), "three")).version, 3);
  },

  "what a stream, many at once and a file gave or wrote counts, too": async ({ code, equal, vault }) => {
    const relay = createRelay();
    const [phone, laptop] = [await device(relay.view(), "ann", vault(1)), await device(relay.view(), "ann", vault(1))];
    const version = async (session, id) => (await session.encrypt("next", { id })).version;

    const { id, transform } = await phone.encryptStream();
    const bytes = new Uint8Array(await new Response(new Blob(["flows"]).stream().pipeThrough(transform)).arrayBuffer());
    await code(version(laptop, id), "ERR_BAD_INPUT");
    const opening = laptop.decryptStream();
    await new Response(new Blob([bytes]).stream().pipeThrough(opening)).arrayBuffer();
    await opening.opened;
    equal(await version(phone, id), 2, "by whoever wrote the stream");
    await code(version(laptop, id), "ERR_CONFLICT");

    const many = await phone.encryptMany(Array.from({ length: 5 }, (_, at) => ({ data: `item ${at}` })));
    await laptop.decryptMany(many.slice(0, 4).map((item) => item.bytes));
    equal(await version(laptop, many[0].id), 2, "by whoever opened many");
    await code(version(phone, many[0].id), "ERR_CONFLICT");
    equal(await version(phone, many[3].id), 2, "by whoever wrote many");
    await code(version(laptop, many[3].id), "ERR_CONFLICT");
    await code(version(laptop, many[4].id), "ERR_BAD_INPUT");
    // Also of those before the one that does not open.
    const again = await phone.encryptMany([{ data: "fine" }, { data: "not fine" }]);
    const broken = again[1].bytes.slice();
    broken[broken.length - 1] ^= 1;
    await code(laptop.decryptMany([again[0].bytes, broken]), "ERR_CORRUPT");
    equal(await version(laptop, again[0].id), 2);
    await code(version(laptop, again[1].id), "ERR_BAD_INPUT");
  },

  "whoever acts for a group goes on from what they read, and others of it from what they did": async ({ code, equal, same }) => {
    const w = await world(["admin", "ann", "ben"]);
    const [ann, ben] = [w.ann.session, w.ben.session];
    await ann.identities.create({ login: "ward" }, { sharingGroup: ["ann", "ben"] });
    const one = await w.admin.session.encrypt("one", { shareWith: ["ward"] });
    const asWard = await ben.identities.as("ward");
    await code(asWard.encrypt("?", { id: one.id }), "ERR_BAD_INPUT");
    // What Ben opened he knows, in whosever name he goes on.
    equal(await read(ben, one.bytes), "one");
    equal(await read(ann, one.bytes), "one");
    const two = await asWard.encrypt("two", { id: one.id });
    same([two.version, await read(w.admin.session, two.bytes)], [2, "two"]);
    equal((await code(ann.encrypt("lost", { id: one.id }), "ERR_CONFLICT")).message, CONFLICT);
    await code((await ann.identities.as("ward")).encrypt("lost", { id: one.id }), "ERR_CONFLICT");
    equal((await ben.encrypt("three", { id: one.id })).version, 3);
  },

  "of two at the very same moment one wins, and the other one hears of it": async ({ same, ...assert }) => {
    const { phone, laptop, one, next } = await devices(assert);
    await laptop.decrypt(one.bytes);
    const both = await Promise.all([phone, laptop].map((session, at) => outcome(next(session, `by ${at}`))));
    same(both.map((each) => each.code ?? each.value.version).sort(), [2, "ERR_CONFLICT"]);
    // Also of two by one session: both follow what it knew when they were asked for.
    const winner = both[0].value ? phone : laptop;
    const own = await Promise.all([1, 2].map((at) => outcome(next(winner, `${at}`))));
    same(own.map((each) => each.code ?? each.value.version).sort(), [3, "ERR_CONFLICT"]);
  },

  "what was written and never answered is no conflict with oneself": async ({ code, equal, ...assert }) => {
    const { relay, one, id } = await devices(assert);
    const view = relay.view();
    const laptop = await device(view, "ann", assert.vault(1));
    equal(await note(laptop, one.bytes), "milk");
    const { storage } = view;
    const commit = storage.commit.bind(storage);
    // The relay writes the version, and the answer is lost on the way.
    storage.commit = async (asked) => {
      const made = await commit(asked);
      if (!asked.writes.some(({ key }) => key.startsWith("item/"))) return made;
      storage.commit = commit;
      throw new Error("the answer is lost");
    };
    await code(laptop.encrypt({ note: "bread" }, { id }), "ERR_RELAY_UNAVAILABLE");
    const again = await laptop.encrypt({ note: "bread" }, { id });
    equal([again.version, await note(laptop, again.bytes)].join(), "3,bread");
  },
};
