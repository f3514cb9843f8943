// What a commit means, for every storage (`RelayStorage` in index.d.ts): what it was decided on, and what it changes.

/** The questions whose answers a commit was decided on. */
export const questionsOf = ({ records, lists }) => [...records.map(([record]) => ({ record })), ...lists];

/** Whether the answers to those questions are still what they were. */
export function isStillSo({ records, lists }, answers) {
  const same = (rows, now) => now.length === rows.length && rows.every(([name, rev], at) => (now[at].name ?? now[at].key) === name && now[at].rev === rev);
  return (
    records.every(([, rev], at) => (answers[at]?.rev ?? 0) === rev) &&
    lists.every(({ rows }, at) => same(rows, answers[records.length + at]))
  );
}

/**
 * The records as they are to be, in order: `{ key, rev, value, index }`, without a value where one is deleted. Each takes
 * the next number after `counter`, so the counter of a storage is above everything that it ever numbered.
 */
export function changesOf({ writes, appends }, counter) {
  const change = (key, rev, { value, index }) => ({
    key,
    rev,
    ...(value !== undefined && { value }),
    ...(value !== undefined && index?.length > 0 && { index: [...index] }),
  });
  return [
    ...writes.map((write) => change(write.key, ++counter, write)),
    ...appends.map((append) => change(`${append.log}${String(++counter).padStart(16, "0")}`, counter, append)),
  ];
}
