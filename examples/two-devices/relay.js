// The relay of `Regrant.open({ relay })`, over HTTP: each method asks the server for what it keeps.
// What a form or a script of another site cannot send without asking first: the server takes nothing else.
const JSON_ONLY = { "content-type": "application/json" };
const BYTES_ONLY = { "content-type": "application/octet-stream" };

export function relayAt(address) {
  async function ask(path, options) {
    const response = await fetch(`${address}/${path}`, options);
    // What is thrown here becomes ERR_RELAY_UNAVAILABLE, which may be tried again.
    if (!response.ok) throw new Error(`the relay answers ${response.status}`);
    return response;
  }
  const call = async (method, ...given) => (await ask(`call/${method}`, { method: "POST", headers: JSON_ONLY, body: JSON.stringify(given) })).json();
  const part = (item, name) => `part/${item}/${name}`;

  return {
    // What secrets and logins are bound to: name a `relayId` if the server may move.
    origin: address,
    get: async (keys) => (await call("get", keys)).map((record) => record ?? undefined),
    list: (prefix, after, limit) => call("list", prefix, after, limit),
    commit: (writes) => call("commit", writes),
    async putParts(item, parts) {
      for (const [name, bytes] of parts) await ask(part(item, name), { method: "PUT", headers: BYTES_ONLY, body: bytes });
    },
    getParts: (item, names) =>
      Promise.all(
        names.map(async (name) => {
          const found = await ask(part(item, name));
          return found.status === 204 ? undefined : new Uint8Array(await found.arrayBuffer());
        }),
      ),
    countParts: (item) => call("countParts", item),
    async dropParts(item) {
      await call("dropParts", item);
    },
  };
}
