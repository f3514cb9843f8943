// Under what names records are found, from what they say: the same as relay/src/index.rs. For whoever writes one past
// the rules.

/** A login as one segment of a key. */
export const segment = (login) => login.replaceAll("%", "%25").replaceAll("/", "%2F");

const NAMES = {
  exchange({ exchange: { id, delegator, delegate } }) {
    const [one, other] = [delegator, delegate].map(segment);
    return [...new Set([`between/${one}/${other}/${id}`, `between/${other}/${one}/${id}`])];
  },
  /** By its exchange key, which has to be there. What was cut from it is not found. */
  grant({ grant: { id, exchange, entries }, cuts = [] }, read) {
    const found = read(`exchange/${exchange}`);
    if (found === undefined) return [];
    const [from, to] = [found.exchange.delegator, found.exchange.delegate].map(segment);
    const items = new Set(entries.map(([item]) => item).filter((item) => !cuts.includes(item)));
    const under = (index, login) => Array.from(items, (item) => `${index}/${item}/${login}/${id}`);
    return [`got/${to}/${id}`, `given/${from}/${to}/${id}`, ...under("readers", to), ...(from === to ? [] : under("givers", from))];
  },
  revocation: ({ id, revoker, items }) => [...new Set(items.map(([item]) => `ended/${item}/${segment(revoker.login)}/${id}`))],
};

/**
 * The names of a record.
 *
 * @param {string} key
 * @param {unknown} value
 * @param {(key: string) => any} read gives another record's value
 * @returns {string[]} none for what is not indexed, and for what is no such record
 */
export function namesOf(key, value, read) {
  const kind = key.slice(0, key.indexOf("/"));
  if (!Object.hasOwn(NAMES, kind)) return [];
  try {
    return NAMES[kind](value, read);
  } catch (error) {
    if (error instanceof TypeError) return [];
    throw error;
  }
}
