// For the tests of applications: a relay and a store in memory that stop, lose and lie on request. Nothing of it is
// needed, or loaded, by the package itself.
import { Faults } from "./faults.js";
import { TestRelay } from "./relay.js";
import { TestStore } from "./store.js";

export { ACTS } from "./acts.js";
export { Stopped } from "./faults.js";
export { forger, sealAnswer, sealEnvelope } from "./forge.js";

/** A relay in memory, for `Regrant.open({ relay })`. */
export const createRelay = (o) => new TestRelay(o);

/** A store in memory, for `Regrant.open({ store })`. */
export const createStore = (o) => new TestStore(o);

/** When things stop: given to several of `createRelay` and `createStore`, they stop together. */
export const createFaults = () => new Faults();

/** The device is lost: what its store held is gone. */
export const loseDevice = (store) => store.clear();

/** The browser clears a site's data: the store, and what an embedded relay kept there. */
export function evictStorage({ store, relay }) {
  store?.clear();
  relay?.restore({ records: new Map(), parts: new Map() });
}
