// What a server's relay keeps for one application, apart from all others: one storage for each over one for all. No rule
// ever sees another application's records.
import { createHash } from "node:crypto";

/**
 * @param {import("../index.js").RelayStorage} storage
 * @param {string} application
 * @returns {import("../index.js").RelayStorage}
 */
export function storageOf(storage, application) {
  // Without a slash in it, so that none begins another.
  const prefix = `${encodeURIComponent(application)}/`;
  const inside = (key) => prefix + key;
  const shown = (row) => row && { ...row, key: row.key.slice(prefix.length), ...(row.name !== undefined && { name: row.name.slice(prefix.length) }) };
  const kept = ({ key, index, ...rest }) => ({ ...rest, key: inside(key), ...(index && { index: index.map(inside) }) });
  const appended = ({ log, index, ...rest }) => ({ ...rest, log: inside(log), ...(index && { index: index.map(inside) }) });
  const file = (item) => idOf(application, item);
  return {
    read: async (questions) => {
      const answers = await storage.read(questions.map(within));
      return Array.from(answers, (answer) => (Array.isArray(answer) ? answer.map(shown) : typeof answer === "object" ? shown(answer) : answer));
    },
    commit: ({ records, lists, writes, appends }) =>
      storage.commit({
        records: records.map(([key, rev]) => [inside(key), rev]),
        lists: lists.map((list) => ({ ...within(list), rows: list.rows.map(([name, rev]) => [inside(name), rev]) })),
        writes: writes.map(kept),
        appends: appends.map(appended),
      }),
    putParts: (item, parts) => storage.putParts(file(item), parts),
    getParts: (item, names) => storage.getParts(file(item), names),
    countParts: (item) => storage.countParts(file(item)),
    dropParts: (item) => storage.dropParts(file(item)),
  };

  function within(question) {
    const asked = { ...question };
    for (const name of ["record", "list", "index", "names", "head", "after"]) {
      if (asked[name] !== undefined) asked[name] = inside(asked[name]);
    }
    return asked;
  }
}

/** Under which id a storage keeps the parts of an application's item: another for each, and a UUID as any. */
function idOf(application, item) {
  const hex = createHash("sha256").update(`${application}\0${item}`).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join("-");
}
