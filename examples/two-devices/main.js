import { Regrant } from "regrant";
import { relayAt } from "./relay.js";

// The relay is called the same wherever the page comes from: see server.mjs.
const regrant = await Regrant.open({ application: "example-two-devices", relay: relayAt(`${location.origin}/relay`), relayId: "example-two-devices" });
let session;
/** The new keys of those who lost theirs, as they said: whose they are, only the code says. */
const lost = new Map();

const element = (id) => document.getElementById(id);
const label = (text) => document.querySelector(`[aria-label="${text}"]`);

const tell = (error) => void (element("problem").textContent = error.code ? `${error.code}: ${error.message}` : String(error));

/** Does something when it is asked for, and tells what went wrong. */
function on(id, work) {
  element(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    element("problem").textContent = "";
    try {
      await work(Object.fromEntries(new FormData(event.target, event.submitter)));
    } catch (error) {
      tell(error);
    }
  });
}

/** Somebody lost their keys. */
function asked({ properties: { dataOwnerConcernedId: login, dataOwnerConcernedPubKey: key } }) {
  if (login === session.login) return;
  lost.set(login, key);
  element("give").elements.login.value = login;
}

async function begin(connected) {
  const code = await connected.trust.verificationCode(connected.login);
  session = connected;
  element("connect").hidden = true;
  element("desk").hidden = false;
  label("You").value = session.login;
  label("Your code").value = code;
  session.notifications.subscribe(asked);
  // And those who asked while this page was closed.
  (await session.notifications.pendingAfter(0)).forEach(asked);
  session.on("granted", () => open());
  // The server cannot call: it is asked.
  setInterval(() => session.refresh().catch(() => {}), 2000);
  await open();
}

/** Opens the file whose id is in the address, and offers it for saving. */
async function open() {
  const id = location.hash.slice(1);
  if (!id) return;
  try {
    const { stream, name, author } = await session.retrieve(id);
    // Without its media type: opened in a tab, what somebody else chose would run as a part of this page.
    const file = await new Response(stream).blob();
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: name });
    link.textContent = `${name}, from ${author.login}`;
    label("Opened").replaceChildren(link);
  } catch (error) {
    if (error.code !== "ERR_NO_ACCESS") throw error;
    label("Opened").value = "no access";
  }
}
addEventListener("hashchange", () => session && open());

on("connect", async ({ login, password, lost }) => {
  // Also what this device still has: for another relay, for example, or one that began anew.
  if (lost) await regrant.loseKeys(login);
  await begin(await regrant.connect({ login, password }, { reset: Boolean(lost) }));
});

on("share", async ({ file, with: reader }) => {
  const { id } = await session.store(file, { shareWith: [reader] });
  label("Address for them").value = `${location.origin}/#${id}`;
});

on("give", async ({ login, code }) => {
  if (!lost.has(login)) throw new Error(`${login} did not ask for access back`);
  await session.giveAccessBackTo(login, lost.get(login), { verificationCode: code });
  element("done").value = `${login} has access again.`;
});

const resumed = await regrant.resume();
if (resumed && !resumed.locked) await begin(resumed).catch(tell);
element("connect").hidden = session !== undefined;
