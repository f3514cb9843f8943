// What is measured: the package's way, through its public API, and the same job done plainly. Targets are ratios.
import { Regrant, generateKeyPair } from "regrant";
import * as plain from "./plain.mjs";

const KiB = 1024;
const MiB = 1024 * KiB;
const ITEMS = 10_000;
/** Of the plain way with public keys only so many items are done, and the time is multiplied: all would take minutes. */
const SAMPLE = 400;

let count = 0;
const vault = () => ({ vaultSecret: btoa(String(++count).padStart(32, "v")).replaceAll("=", "") });
const random = (length) => {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(out.subarray(at, Math.min(at + 65_536, length)));
  return out;
};

/** Where there is no IndexedDB, as in some private windows, the embedded relay is in memory. */
async function withoutDatabases(work) {
  const there = Object.getOwnPropertyDescriptor(globalThis, "indexedDB");
  Object.defineProperty(globalThis, "indexedDB", { value: undefined, configurable: true });
  try {
    return await work();
  } finally {
    Object.defineProperty(globalThis, "indexedDB", there);
  }
}

/** People at a relay in memory, or in IndexedDB. Their keys have 3072 bits, as by default. */
async function people(logins, where) {
  const name = `bench-${++count}-${Date.now()}`;
  const regrant = await (where === "memory" ? withoutDatabases(() => Regrant.open({ application: "regrant", name, store: "memory" })) : Regrant.open({ application: "regrant", name, store: "memory" }));
  const sessions = [];
  for (const login of logins) sessions.push(await regrant.connect({ login, ...vault() }));
  return { regrant, sessions };
}

const items = (number, length) => Array.from({ length: number }, () => ({ data: random(length) }));

/** Somebody with many items, and more people, one for each round. */
async function holder(where, rounds) {
  const logins = Array.from({ length: rounds + 1 }, (_, i) => `reader ${i}`);
  const { regrant, sessions } = await people(["alice", ...logins], where);
  await sessions[0].encryptMany(items(ITEMS, 16));
  return { regrant, alice: sessions[0], others: sessions.slice(1), logins };
}

async function giving(where, rounds) {
  const { alice, logins } = await holder(where, rounds);
  const [from, to] = await plain.readers(2);
  const wrapped = await plain.wrapOne(from);
  const db = where === "memory" ? undefined : await plain.database(`plain-${++count}-${Date.now()}`);
  let next = 0;
  return {
    ours: async () => void (await alice.giveAccess("all", logins[next++])),
    async plain() {
      const records = new Map();
      for (let at = 0; at < SAMPLE; at++) records.set(at, await plain.regrant(wrapped, from, to));
      if (db) await plain.putAll(db, [...records.values()]);
    },
  };
}

async function back(where, rounds) {
  const { regrant, sessions } = await people(["alice", "bob"], where);
  const [alice, bob] = sessions;
  await alice.encryptMany(items(ITEMS, 16), { shareWith: ["bob"] });
  const [from, to] = await plain.readers(2);
  const wrapped = await plain.wrapOne(from);
  const db = where === "memory" ? undefined : await plain.database(`plain-${++count}-${Date.now()}`);
  // Each round, alice has lost her keys once more.
  const lost = [];
  const lose = async () => {
    const session = await regrant.connect({ login: "alice", ...vault() }, { reset: true });
    lost.push([session.publicKey.encryption, await session.trust.verificationCode("alice")]);
  };
  await lose();
  return {
    async ours() {
      const [key, verificationCode] = lost.at(-1);
      await bob.giveAccessBackTo("alice", key, { verificationCode });
      return lose;
    },
    async plain() {
      const records = new Map();
      for (let at = 0; at < SAMPLE; at++) records.set(at, await plain.regrant(wrapped, from, to));
      if (db) await plain.putAll(db, [...records.values()]);
    },
  };
}

async function whole(length, work) {
  const { sessions } = await people(["alice"], "memory");
  const data = random(length);
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const iv = new Uint8Array(12);
  const sealed = { ours: (await sessions[0].encrypt(data)).bytes, plain: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, data) };
  return work === "seal"
    ? { ours: async () => void (await sessions[0].encrypt(data)), plain: async () => void (await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, data)) }
    : { ours: async () => void (await sessions[0].decrypt(sealed.ours)), plain: async () => void (await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed.plain)) };
}

/** A group of a thousand, whose members share one key pair: making a thousand would take minutes, and is not what is measured. */
async function crowd() {
  const MEMBERS = 1000;
  const { regrant, sessions } = await people(["alice"], "memory");
  const keyPair = await generateKeyPair({ modulusLength: 3072 });
  const members = Array.from({ length: MEMBERS }, (_, n) => `member ${n}`);
  for (const login of members) await regrant.connect({ login, keyPair });
  await sessions[0].identities.create({ login: "crowd", kind: "group" }, { sharingGroup: ["alice", ...members] });
  const [to] = await plain.readers(1);
  return {
    ours: async () => void (await sessions[0].identities.renewKeys("crowd")),
    async plain() {
      await plain.readers(1);
      await Promise.all(members.map(() => plain.wrapOne(to)));
    },
  };
}

const scale = ITEMS / SAMPLE;
const sampled = `the plain way: ${SAMPLE} items, times ${scale}`;

export const benches = {
  "encryptMany: 1,000 items of 256 bytes for two, memory": {
    target: 4,
    rounds: 7,
    async prepare() {
      const { sessions } = await people(["alice", "bob"], "memory");
      const [data, pairs] = [items(1000, 256), await plain.readers(2)];
      return {
        ours: async () => void (await sessions[0].encryptMany(data, { shareWith: ["bob"] })),
        plain: async () => void (await Promise.all(data.map((item) => plain.seal(item.data, pairs)))),
      };
    },
  },
  "encrypt: 64 bytes for two, memory": {
    target: 1 / 3,
    rounds: 7,
    async prepare() {
      const { sessions } = await people(["alice", "bob"], "memory");
      const [data, pairs] = [random(64), await plain.readers(2)];
      // Twenty at a time: one alone is too short for the clock.
      return {
        async ours() {
          for (let i = 0; i < 20; i++) await sessions[0].encrypt(data, { shareWith: ["bob"] });
        },
        async plain() {
          for (let i = 0; i < 20; i++) await plain.seal(data, pairs);
        },
      };
    },
  },
  "seal 16 MiB": { target: 1, rounds: 9, prepare: () => whole(16 * MiB, "seal") },
  "open 16 MiB": { target: 1, rounds: 9, prepare: () => whole(16 * MiB, "open") },
  "seal 64 MiB": { target: 1, rounds: 7, prepare: () => whole(64 * MiB, "seal") },
  "open 64 MiB": { target: 1, rounds: 7, prepare: () => whole(64 * MiB, "open") },
  "giveAccess to all of 10,000 items, memory": { target: 500, rounds: 5, scale, note: sampled, prepare: () => giving("memory", 6) },
  "giveAccess to all of 10,000 items, IndexedDB": { target: 50, rounds: 5, scale, note: sampled, prepare: () => giving("indexeddb", 6) },
  "access back over 10,000 items, memory": { target: 500, rounds: 5, scale, note: sampled, prepare: () => back("memory", 6) },
  "access back over 10,000 items, IndexedDB": { target: 200, rounds: 5, scale, note: sampled, prepare: () => back("indexeddb", 6) },
  "keyring of 10,000 items: written to IndexedDB": {
    target: 20,
    rounds: 5,
    note: "giveAccess to all, against one put an item of the same bytes in one transaction",
    async prepare() {
      const { alice, logins } = await holder("indexeddb", 6);
      const db = await plain.database(`plain-${++count}-${Date.now()}`);
      const records = Array.from({ length: ITEMS }, () => random(384));
      let next = 0;
      return {
        ours: async () => void (await alice.giveAccess("all", logins[next++])),
        plain: async () => void (await plain.putAll(db, records)),
      };
    },
  },
  "keyring of 10,000 items: read from IndexedDB": {
    target: 6,
    rounds: 5,
    note: "a new session that opens one of them, less connecting; against getAll of one record an item",
    async prepare() {
      const name = `bench-${++count}-${Date.now()}`;
      const secret = vault();
      const open = async () => (await Regrant.open({ application: "regrant", name, store: "memory" })).connect({ login: "alice", ...secret });
      const [sealed] = await (await open()).encryptMany(items(ITEMS, 16));
      const db = await plain.database(`plain-${++count}-${Date.now()}`);
      await plain.putAll(db, Array.from({ length: ITEMS }, () => random(384)));
      // Connected before the clock starts; the first decryption reads what the relay has.
      const ready = [];
      for (let i = 0; i < 7; i++) ready.push(await open());
      return {
        ours: async () => void (await ready.pop().decrypt(sealed.bytes)),
        plain: async () => void (await plain.getAll(db)),
      };
    },
  },
  "a group of 1,000 members: keys renewed, memory": {
    most: 3000,
    rounds: 3,
    note: "against making one key pair and wrapping one key for each member",
    prepare: crowd,
  },
};
