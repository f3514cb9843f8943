import { Regrant, deriveSecrets } from "regrant";

const application = "example-two-devices";

/** Asks the application's own server: see accounts.mjs. */
async function account(path, body = {}) {
  const response = await fetch(`/account/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (response.status === 401) throw new Error("This password or code is wrong, or nobody is logged in.");
  if (!response.ok) throw new Error(`The server answers ${response.status}.`);
  return response.json();
}

/** That the server vouches for whoever is logged in there. The relay wants it of those who register, or begin anew. */
const token = async () => (await account("token")).token;

const regrant = await Regrant.open({ application, relay: new URL("/relay", location), token });
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
  for (const id of ["connect", "anew"]) element(id).hidden = true;
  element("desk").hidden = false;
  label("You").value = session.login;
  label("Your code").value = code;
  session.notifications.subscribe(asked);
  // And those who asked while this page was closed.
  (await session.notifications.pendingAfter(0)).forEach(asked);
  session.on("granted", () => open());
  for (const state of ["online", "offline"]) session.on(state, () => (label("The relay").value = state));
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

/** One password, two secrets: one for the application's server, and one that opens the keys and stays here. */
const secretsOf = ({ login, password }) => deriveSecrets(password, { application, login });

on("connect", async ({ login, password, lost }) => {
  if (lost) {
    await account("forgot", { login });
    element("anew").hidden = false;
    return;
  }
  const { appSecret, vaultSecret } = await secretsOf({ login, password });
  await account("login", { login, secret: appSecret });
  await begin(await regrant.connect({ login, vaultSecret }));
});

on("anew", async ({ code }) => {
  const { login, password } = Object.fromEntries(new FormData(element("connect")));
  const { appSecret, vaultSecret } = await secretsOf({ login, password });
  await account("reset", { login, secret: appSecret, code });
  // Also what this device still has: for another relay, for example, or one that began anew.
  await regrant.loseKeys(login);
  await begin(await regrant.connect({ login, vaultSecret }, { reset: true }));
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
