// The relay of `Regrant.open({ relay })`, over HTTP: whatever is asked of it is posted, and parts of files go as bytes.
import { RegrantError } from "regrant";

// What a form or a script of another site cannot send without asking first: the server takes nothing else.
const JSON_ONLY = { "content-type": "application/json" };
const BYTES_ONLY = { "content-type": "application/octet-stream" };

export function relayAt(address) {
  async function ask(path, token, { headers, ...options } = {}) {
    const session = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(`${address}/${path}`, { ...options, headers: { ...headers, ...session } });
    if (response.ok) return response;
    // What the relay refused with arrives as it is. Any other error becomes ERR_RELAY_UNAVAILABLE, which may be tried again.
    const { code, message, logins } = await response.json().catch(() => ({}));
    throw code ? new RegrantError(code, message, { logins }) : new Error(`the relay answers ${response.status}`);
  }

  return {
    async call(token, operations) {
      return (await ask("call", token, { method: "POST", headers: JSON_ONLY, body: JSON.stringify(operations) })).json();
    },
    async putParts(token, item, parts) {
      for (const [name, bytes] of parts) await ask(`parts/${item}/${name}`, token, { method: "PUT", headers: BYTES_ONLY, body: bytes });
    },
    getParts: (token, item, basis, names) =>
      Promise.all(
        names.map(async (name) => {
          const found = await ask(`parts/${item}/${name}?basis=${basis}`, token);
          return found.status === 204 ? undefined : new Uint8Array(await found.arrayBuffer());
        }),
      ),
    // This server cannot call: main.js asks every two seconds.
    subscribe: () => () => {},
  };
}
