// The guided story, step by step: what each says, and what its button really does, through the package, with the same
// people that free play has. Whatever was done by hand before is taken up where that is possible.
import { createGroup, exclude, list, writeNote } from "./groups.js";
import { known } from "./known.js";
import { asksFor, type Person } from "./person.js";
import { searchAll } from "./sent.js";
import { encryptFor, giveBack, newestRequests, share } from "./sharing.js";
import type { Scene } from "./story.js";

export type Who = "alice" | "bob" | "carol" | "relay";

export interface Chapter {
  title: string;
  /** What happens, and why it matters. */
  before: string;
  button: string;
  /** Whose sides of the page it is about. */
  about: readonly Who[];
  /** The calls of the package's behind it, for whoever writes programs. */
  code: string;
  /** Does it, and gives what came of it, in words. */
  play(scene: Scene): Promise<string>;
  /** Something else to try before. */
  aside?: { button: string; play(scene: Scene): Promise<string> };
}

const WARD = { name: "Ward 7", login: "ward-7" };

/** What a person did or could not do, as an error where it could not. */
async function done(person: Person, work: Promise<boolean>): Promise<void> {
  if (await work) return;
  const failure = person.work.failure.peek();
  const message = failure?.message ?? "something else is going on: wait for it to end";
  throw Object.assign(new Error(`${person.who.short}: ${message}`), { code: failure?.code });
}

/** Has somebody connected who is not, for whatever reason. */
async function present(person: Person): Promise<void> {
  const [password] = person.who.passwords;
  if (!person.connected.peek()) await done(person, person.connect(password));
  else if (person.locked.peek()) await done(person, person.unlock(password));
}

async function reads(person: Person, { demo, files }: Scene, id: string): Promise<void> {
  const kept = demo.shelf.files.peek().find((file) => file.id === id);
  if (!kept) throw new Error("the story's note is not there any more: start over");
  await done(person, person.open(kept));
  if (!files.peek().includes(id)) files.value = [...files.peek(), id];
}

/** The note of the first step. */
function noteOf({ files }: Scene): string {
  const [note] = files.peek();
  if (note === undefined) throw new Error("the story's note is not there: start over");
  return note;
}

/** What somebody was told of another's new keys. */
const requestOf = (asking: Person, told: Person) => newestRequests(told).find((request) => asksFor(request) === asking.who.login);

export const CHAPTERS: readonly Chapter[] = [
  {
    title: "A note for the doctor",
    before: "Alice is a patient. She writes to her doctor, and the note is encrypted before it leaves her page: whoever passes it on cannot read it. Write what you like.",
    button: "Encrypt it for Dr. Bob",
    code: `const regrant = await Regrant.open({ application: "notes", relay });
const alice = await regrant.connect({ login: "alice", password });
const { id } = await alice.store(file, { shareWith: ["bob"] });`,
    about: ["alice"],
    async play(scene) {
      const { alice, bob } = scene.demo;
      await Promise.all([present(alice), present(bob)]);
      const file = new File([`${scene.text.peek()}\n`], "note-for-the-doctor.txt", { type: "text/plain" });
      const id = await encryptFor(alice, file, [bob.who.login]);
      scene.files.value = [id];
      await reads(alice, scene, id);
      return "Each of the two made keys and sealed them under a password, and the note was encrypted for both. Dr. Bob has not opened it yet.";
    },
  },
  {
    title: "What the relay got",
    before: "A relay passes keys on and keeps the encrypted note. Usually it is a server: a curious operator, a thief of its backups or a court order get what it has. So look at what it was sent.",
    button: "Search all of it for the note",
    code: `// The relay is an object of this page's: whatever it is asked and told goes through these.
await relay.call(token, operations);
await relay.putParts(token, id, [[name, bytes]]);
await relay.getParts(token, id, grant, names);`,
    about: ["relay"],
    async play({ demo }) {
      const { finding } = await searchAll(demo.relay, known.peek());
      const found = finding.found.length === 0 ? "none of them is there" : `found: ${list(finding.found)}`;
      return `All ${finding.bytes.toLocaleString("en")} bytes were searched for ${finding.wanted} things: the lines of the note, its name, both passwords; ${found}. What the relay does know is who, when, with whom, and how much.`;
    },
  },
  {
    title: "The doctor opens it",
    before: "Dr. Bob's key is in his browser; what the relay has of it is sealed under his password. The note is opened there, and nowhere else.",
    button: "Open it as Dr. Bob",
    code: `const { name, author, stream } = await bob.retrieve(id);
const file = await new Response(stream).blob();`,
    about: ["bob"],
    async play(scene) {
      await present(scene.demo.bob);
      await reads(scene.demo.bob, scene, noteOf(scene));
      return "He reads what Alice wrote. Had one bit been changed on the way, it would not have opened.";
    },
  },
  {
    title: "The ward joins",
    before: "Carol, a nurse, works with Dr. Bob. He makes a group of the two of them, Ward 7, and Alice gives the note to the group: one act, however many are in it.",
    button: "Share it with the ward",
    code: `await bob.identities.create({ login: "ward-7", name: "Ward 7", kind: "group" }, { sharingGroup: ["bob", "carol"] });
await alice.giveAccess([id], "ward-7");
await carol.retrieve(id);`,
    about: ["bob", "carol"],
    async play(scene) {
      const { alice, bob, people, graph, shelf } = scene.demo;
      const carol = people.find(({ who }) => who.login === "carol");
      if (!carol) throw new Error("Carol is not in this demo");
      await Promise.all([present(carol), present(alice), present(bob)]);
      await graph.refresh();
      if (!graph.fact(WARD.login)) {
        await done(bob, createGroup(graph, bob, WARD.name, WARD.login, [bob.who.login, carol.who.login]));
      }
      const note = shelf.files.peek().find(({ id }) => id === noteOf(scene));
      if (note) await done(alice, share(alice, note, WARD));
      await carol.update();
      await reads(carol, scene, noteOf(scene));
      return "Carol reads it as a member of the group. Whoever joins later will read it, too, and Alice has nothing more to do.";
    },
  },
  {
    title: "The phone is lost",
    before: "Alice's phone falls into a lake, and she has forgotten her password. With end-to-end encryption as it usually is, her data would be gone now.",
    button: "Lose the phone and the password",
    code: `await regrant.loseKeys("alice"); // as clearing the browser does
await regrant.connect({ login: "alice", password: another }); // ERR_WRONG_SECRET`,
    about: ["alice"],
    async play({ demo: { alice } }) {
      if (alice.connected.peek()) await done(alice, alice.loseKeys());
      await alice.connect(alice.who.passwords[1]);
      const { code } = alice.work.failure.peek() ?? {};
      if (code !== "ERR_WRONG_SECRET") throw new Error("Alice's keys are not lost: this password opens them");
      return "What is left of her keys is with the relay, sealed under a password that nobody knows any more. Another one does not open them (ERR_WRONG_SECRET), and the relay cannot either.";
    },
  },
  {
    title: "She begins anew",
    before: "Alice takes another phone and makes new keys, under a new password. She can work at once. But the new keys prove nothing: anybody could say “I am Alice, and I have new keys”.",
    button: "Begin anew with new keys",
    code: `const anew = await regrant.connect({ login: "alice", password: another }, { reset: true });
await anew.retrieve(id); // ERR_NO_ACCESS
const [notice] = await bob.notifications.pendingAfter(0, { type: "KEY_PAIR_UPDATE" });`,
    about: ["alice", "bob"],
    async play({ demo: { alice, bob } }) {
      await present(bob);
      if (!alice.connected.peek()) await done(alice, alice.beginAnew(alice.who.passwords[1]));
      await bob.update();
      return "Her old note stays closed to the new keys. Dr. Bob was told that somebody has new keys for Alice: he gives nothing before he has compared a code with her.";
    },
  },
  {
    title: "Comparing a code",
    before: "They talk on the phone, and Alice reads her code out; or they meet, and he scans it. It is made of her new keys, and so is the one that Dr. Bob's page shows. If the relay had put in keys of its own, the two would differ.",
    button: "The codes match: give access back",
    code: `const verificationCode = await anew.trust.verificationCode("alice"); // read out; or trust.qrPayload, scanned
await bob.giveAccessBackTo("alice", notice.properties.dataOwnerConcernedPubKey, { verificationCode });
await anew.retrieve(id);`,
    about: ["alice", "bob"],
    aside: {
      button: "First try it with a code that differs in one digit",
      async play({ demo: { alice, bob } }) {
        const request = requestOf(alice, bob);
        const code = alice.code.peek();
        if (!request || !code) throw new Error("nobody asks for access back");
        const wrong = code.replace(/\d/, (digit) => String((Number(digit) + 1) % 10));
        if (await giveBack(bob, request, wrong)) throw new Error("a wrong code was taken");
        return `${wrong}: refused (${bob.work.failure.peek()?.code}), and nothing was given. This is what happens to somebody who only says that she is Alice.`;
      },
    },
    async play(scene) {
      const { alice, bob } = scene.demo;
      const code = alice.code.peek();
      const request = requestOf(alice, bob);
      if (request && code) await done(bob, giveBack(bob, request, code));
      await alice.update();
      await reads(alice, scene, noteOf(scene));
      const keys = bob.receipts.peek()[0]?.exchanges.length ?? 0;
      return `Alice reads her note again, with keys that did not exist when she wrote it. Dr. Bob sealed ${keys === 1 ? "one shared key" : `${keys} shared keys`} for her; with ten thousand notes it would have been as many. The relay passed them on and can open none.`;
    },
  },
  {
    title: "Somebody leaves",
    before: "Carol moves to another ward. Dr. Bob excludes her, and in the same act the keys of the group are renewed. Then he writes to the ward.",
    button: "Exclude Carol, and write to the ward",
    code: `await bob.identities.replaceSharingGroup("ward-7", ["bob"]); // and renews its keys
const note = await bob.store(file, { shareWith: ["ward-7"] });
await carol.retrieve(note.id); // ERR_NO_ACCESS`,
    about: ["bob", "carol", "relay"],
    async play(scene) {
      const { bob, people, graph, shelf } = scene.demo;
      const carol = people.find(({ who }) => who.login === "carol");
      await present(bob);
      await graph.refresh();
      const ward = graph.fact(WARD.login);
      if (!ward || !carol) throw new Error("there is no Ward 7 any more: start over");
      await done(bob, exclude(graph, bob, ward, carol.who.login));
      const renewed = graph.fact(WARD.login) ?? ward;
      await done(bob, writeNote(graph, bob, renewed));
      const [newest] = shelf.files.peek();
      if (newest) await reads(bob, scene, newest.id);
      await carol.update();
      return `The keys of Ward 7 went from version ${ward.version} to ${renewed.version}. The new note is closed to Carol. What she was given before she may have read and kept: no cryptography takes that back, and this page does not pretend it.`;
    },
  },
];
