// The worker: the only place with keys, passwords and sessions. The page asks it for a few things by name.
import { Regrant } from "regrant";

const opening = Regrant.open({ application: "example-worker" });

/** Goes on from what this browser has stored, or signs in. An application asks its page for the password. */
async function person(login, password) {
  const regrant = await opening;
  return (await regrant.resume(login)) ?? (await regrant.connect({ login, password }));
}

const people = {
  alice: person("alice", "correct horse battery staple"),
  bob: person("bob", "a doctor's long password"),
};

const calls = {
  /** Gives ciphertext: what the page keeps, or sends to a server. */
  async share(note) {
    await people.bob; // nobody can be given something before they have signed up
    const { bytes } = await (await people.alice).encrypt(note, { shareWith: ["bob"] });
    return bytes;
  },

  async read(login, bytes) {
    return (await (await people[login]).decrypt(bytes)).data;
  },

  /** Gives the code of the new keys. */
  async lose() {
    const regrant = await opening;
    await regrant.loseKeys("alice");
    people.alice = regrant.connect({ login: "alice", password: crypto.randomUUID() }, { reset: true });
    return (await people.alice).trust.verificationCode("alice");
  },

  async giveBack(verificationCode) {
    const bob = await people.bob;
    const notice = (await bob.notifications.pendingAfter(0)).at(-1);
    await bob.giveAccessBackTo("alice", notice.properties.dataOwnerConcernedPubKey, { verificationCode });
  },
};

addEventListener("message", async ({ data: { id, call, args } }) => {
  try {
    postMessage({ id, value: await calls[call](...args) });
  } catch ({ code, message }) {
    // Codes stay what they are on the other side; classes do not.
    postMessage({ id, error: { code, message } });
  }
});
