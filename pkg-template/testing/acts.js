// What a relay can do that means harm, one by one (protocol section 11). Each act gives what is told in place of the
// truth, or why nothing is answered; `storage.js` asks it each time something is read.

import { segment } from "./names.js";

/** A record that says something else. */
const instead = (row, key, value) => value && { key, rev: row?.rev ?? 1, value };

/** Tells of one record what `say` makes of it. */
const of = (key, say) => ({ tell: (what, row) => (what.key === key ? say(row) : row) });

/** @type {Record<string, (relay: object, how: object) => { tell?: Function, refuse?: string }>} */
export const ACTS = {
  /** Answers nothing. */
  "unavailable": () => ({ refuse: "the relay does not answer" }),

  /** Says that a user does not exist. `{ login }` */
  "deny-identity": (relay, { login }) => of(relay.of("identity", login), () => undefined),

  /** Shows another relay's keys of a login. `{ login, from }` */
  "swap-identity": (relay, { login, from }) => {
    const key = relay.of("identity", login);
    return of(key, (row) => instead(row, key, from.read(key) && JSON.stringify(from.read(key))));
  },

  /** Shows what a login's record said at an earlier time: older keys, slots and manifests. `{ login, at }`, a snapshot. */
  "old-identity": (relay, { login, at }) => {
    const key = relay.of("identity", login);
    return of(key, (row) => instead(row, key, at.records.get(key)?.value));
  },

  /** Shows a login's record changed by `change`. `{ login, change }` */
  "alter-identity": (relay, { login, change }) => {
    const key = relay.of("identity", login);
    return of(key, (row) => row && instead(row, key, JSON.stringify(change(JSON.parse(row.value)))));
  },

  /** Shows any record changed by `change`, which gets its value and key and may give `undefined`. `{ kind, change }` */
  "alter": (relay, { kind, change }) => ({
    tell(what, row) {
      if (!row || !what.key?.startsWith(`${kind}/`)) return row;
      const changed = change(JSON.parse(row.value), what.key);
      return changed === undefined ? undefined : instead(row, what.key, JSON.stringify(changed));
    },
  }),

  /**
   * Keeps what is new from a login: its log ends where it was at some time, and nobody gave it anything later. `{ login,
   * after }`, a number of entries.
   */
  "hold-back": (relay, { login, after = 0 }) => {
    const log = `${relay.of("log", login)}/`;
    const concerns = new RegExp(`^((readers|givers)/[^/]+|got|given)/${RegExp.escape?.(segment(login)) ?? segment(login).replace(/[^\w]/g, "\\$&")}/`);
    /** The number of the last entry that is shown, once there are so many; what was written later bears a higher one. */
    let last = after === 0 ? 0 : undefined;
    const number = (key) => Number(key.slice(log.length));
    const isHeld = ({ key, name }, { rev }) => {
      const logged = key.startsWith(log);
      if (!logged && !concerns.test(name)) return false;
      const entry = relay.keys.filter((other) => other.startsWith(log))[after - 1];
      if (last === undefined && entry !== undefined) last = number(entry);
      return last !== undefined && (logged ? number(key) : rev) > last;
    };
    return { tell: (what, row) => (what.listed && row && isHeld(what, row) ? undefined : row) };
  },

  /** Gives other bytes for the parts of a file. `{ item, change }`, which gets a part's bytes and name. */
  "alter-parts": (relay, { item, change }) => ({
    tell: (what, bytes) => (what.item === item && bytes ? change(bytes, what.name) : bytes),
  }),

  /** Gives one chunk in place of another. `{ item, from, to }` */
  "swap-parts": (relay, { item, from, to }) => ({
    tell: (what, bytes) => (what.item === item && what.name === to ? relay.part(item, from) : bytes),
  }),

  /** Gives the parts of another file. `{ item, from }` */
  "mix-items": (relay, { item, from }) => ({
    tell: (what, bytes) => (what.item === item ? relay.part(from, what.name) : bytes),
  }),

  /** Loses parts of a file. `{ item, names }` */
  "lose-parts": (relay, { item, names }) => ({
    tell: (what, bytes) => (what.item === item && names.includes(what.name) ? undefined : bytes),
  }),
};
