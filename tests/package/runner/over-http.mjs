// The package, but that its relay is one over HTTP where a program names none: in the copies of programs in `http/` it stands
// for "regrant". Each run is an application of its own, so that it finds nothing of others.
import * as regrant from "regrant";

export * from "regrant";

const query = new URLSearchParams(globalThis.location?.search);
const told = (name) => globalThis.process?.env?.[`REGRANT_${name.toUpperCase()}`] ?? query.get(name);
const [relay, run] = [told("relay"), told("run") ?? crypto.randomUUID()];

/**
 * Relays of one name are one, whatever the application: the server is asked for one that is called by the name, by an
 * address of which it knows the rest.
 */
function overHttp({ name = "default", ...o }) {
  const place = `${name}.${run}`;
  const within = (url, init) => fetch(url.replace(/\/[^/]+\/v1\/[^/]+\//, `/v1/${place}/`), init);
  return { ...o, name, relay: `${relay}/${place}`, fetch: within };
}

export const Regrant = { open: (o) => regrant.Regrant.open(o.relay === undefined ? overHttp(o) : o) };
