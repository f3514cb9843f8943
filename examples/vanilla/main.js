import { Regrant, RegrantError } from "regrant";

const regrant = await Regrant.open({ application: "example-vanilla" });

/** Goes on from what this browser has stored, or signs in. A page of yours asks for the password. */
const person = async (login, password) => (await regrant.resume(login)) ?? (await regrant.connect({ login, password }));

let alice = await person("alice", "correct horse battery staple");
const bob = await person("bob", "a doctor's long password");

/** What was shared: only ciphertext. An application keeps it on its server. */
let bytes;

const element = (id) => document.getElementById(id);

/** What somebody can read of it now. */
async function read(session) {
  if (bytes === undefined) return "nothing yet";
  try {
    const { data } = await session.decrypt(bytes);
    return `${data.name}: ${await data.text()}`;
  } catch (error) {
    if (error instanceof RegrantError && error.code === "ERR_NO_ACCESS") return "no access";
    throw error;
  }
}

async function show() {
  element("alice").value = await read(alice);
  element("bob").value = await read(bob);
}

/** Does something when it is asked for, and tells what went wrong. */
function on(id, event, work) {
  element(id).addEventListener(event, async (happened) => {
    happened.preventDefault();
    element("problem").textContent = "";
    try {
      await work(happened.target);
    } catch (error) {
      element("problem").textContent = error.code === "ERR_VERIFICATION_FAILED" ? "That is not her code." : error.message;
    }
    await show();
element("page").hidden = false;
  });
}

on("share", "submit", async (form) => {
  bytes = (await alice.encrypt(new FormData(form).get("file"), { shareWith: ["bob"] })).bytes;
});

on("lose", "click", async () => {
  // As if the browser's data was cleared, and the password forgotten …
  await regrant.loseKeys("alice");
  // … so she says that her keys are lost, and begins anew with another password.
  alice = await regrant.connect({ login: "alice", password: crypto.randomUUID() }, { reset: true });
  element("code").value = await alice.trust.verificationCode("alice");
});

on("give", "submit", async (form) => {
  const notice = (await bob.notifications.pendingAfter(0)).at(-1);
  const verificationCode = new FormData(form).get("code");
  await bob.giveAccessBackTo("alice", notice.properties.dataOwnerConcernedPubKey, { verificationCode });
});

await show();
element("page").hidden = false;
