// What a relay can be asked, in words.
import type { Sent } from "./noted-relay.js";

/** What an operation tells or asks. */
export const MEANING: Record<string, string> = {
  identities: "Whose public keys are wanted",
  register: "A new login: its public keys, and the private ones sealed under what only the person has",
  reset: "Keys that begin anew after a loss, public ones and sealed ones",
  challenge: "Who wants to sign in, and asks for a random number to sign",
  login: "A signature over that number",
  loginSecret: "Who signs in, with a secret that comes from the password and opens nothing",
  ownKeysets: "One's own keys are wanted, the private ones sealed",
  renew: "Keys that follow others, public ones and sealed ones",
  overwrite: "Keys that an administrator begins anew for somebody",
  reach: "Which groups lead to something",
  sharing: "Who is in a group",
  access: "Which groups somebody is in",
  between: "What two people share",
  head: "Whether one's own devices said something new",
  pieces: "What one's own devices said, sealed",
  putHead: "What one tells one's own devices: whose keys one relies on, with whom one shares; sealed, under one signature",
  profile: "What somebody says of themselves",
  directory: "Who is there",
  removeIdentity: "A login is given up",
  removeItems: "Files are put away, or deleted",
  opened: "Which files were opened, for whom, and why",
  openings: "Who opened which files",
  ask: "A request for access, signed",
  asked: "How a request for access stands",
  askedOf: "Which requests for access there are",
  answer: "An answer to a request for access, sealed",
  takeAnswer: "The answer to a request is fetched",
  changeSlots: "Ways to open one's keys, sealed, in a signed list",
  chain: "A late signature by one's old keys",
  putExchange: "A key between two people, sealed to each of them",
  putWraps: "Keys that are there, sealed to somebody's new keys",
  putGrants: "Who may open which files: the file keys, sealed",
  beginUpload: "A file is going to be kept: its id and how many parts it has",
  putParts: "Parts of a file, encrypted",
  finishUpload: "A file is all there, and who may open it: its key, sealed",
  giveUpUpload: "A file is not going to be kept after all",
  getParts: "Parts of a file are wanted, encrypted",
  compact: "Many of those put together",
  revoke: "Whose access to which files ends, signed",
  readers: "Who can open a file",
  revocations: "Whose access to a file ended",
  grantsTo: "What one gave to somebody",
  grants: "Which file keys one has, sealed",
  exchanges: "Which keys one shares with somebody, sealed",
  sync: "What is new",
  notify: "Messages such as “I have new keys”, sealed and signed",
  notifications: "Which messages wait",
  notification: "One message",
  setStatus: "A message was dealt with",
};

/** Those that only ask: the relay is told no more than who wants to know. */
const ASKING = new Set([
  "identities", "challenge", "ownKeysets", "reach", "sharing", "access", "between", "head", "pieces", "profile", "directory", "openings", "asked",
  "askedOf", "getParts", "readers", "revocations", "grantsTo", "grants", "exchanges", "sync", "notifications", "notification",
]);

/** Whether a request tells the relay more than what is wanted. */
export const tells = ({ operations }: Sent) => operations.some(({ op }) => !ASKING.has(op));

/** A few operations in a few words: what they tell, or what they ask for. */
export function inWords(ops: readonly string[]): string {
  const telling = ops.filter((op) => !ASKING.has(op));
  return [...new Set((telling.length > 0 ? telling : ops).map((op) => MEANING[op] ?? op))].join("; ");
}
