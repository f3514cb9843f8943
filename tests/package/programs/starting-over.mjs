// A page that starts over deletes the databases, and none of them may be kept open by whoever used them: that would
// block it until garbage is collected.
import { Regrant } from "regrant";

export const variants = ["programs", "inline"];
// Node has no such databases.
export const where = ["browser"];

const NAME = "starting-over";

const deleted = (name) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = resolve;
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error(`${name} is still open`));
  });

const names = async () =>
  (await indexedDB.databases()).map(({ name }) => name).filter((name) => name.startsWith(`regrant/${NAME}/`)).sort();

export default async function ({ same, vault }) {
  const regrant = await Regrant.open({ application: "regrant", name: NAME, relay: "embedded" });
  // Nothing is open yet, and each of them needs it.
  const [alice] = await Promise.all(["alice", "bob", "carol"].map((login, n) => regrant.connect({ login, ...vault(n) })));
  const note = new File(["a note"], "note.txt");
  await Promise.all([alice.store(note), alice.store(note)]);
  same(await names(), ["files", "relay", "store"].map((what) => `regrant/${NAME}/${what}`));
  await regrant.close();
  for (const name of await names()) await deleted(name);
  same(await names(), []);
}
