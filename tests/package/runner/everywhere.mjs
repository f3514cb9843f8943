// Stops whatever a flow does at its n-th write, for every n.
import { Regrant } from "regrant";
import { ok } from "./assert.mjs";

/** Opens devices, and closes all of them: what died writes nothing a moment later. */
export function devices() {
  const all = [];
  return {
    open: async (o) => {
      const device = await Regrant.open(o);
      all.push(device);
      return device;
    },
    close: () => Promise.all(all.splice(0).map((device) => device.close())),
  };
}

/**
 * What runs a flow so.
 *
 * @param {object} faults of `regrant/testing`: the relay and the store of the device that dies
 * @param {() => Promise<void>} restore puts everything back to where it was
 */
export function stopping(faults, restore) {
  /**
   * @param {string} name
   * @param {() => Promise<unknown>} prepare gives what the flow begins with
   * @param {(begun: unknown) => Promise<unknown>} flow
   * @param {(begun: unknown) => Promise<unknown>} again runs the flow once more, on a device that was opened again
   * @param {(outcome: unknown, begun: unknown) => Promise<void>} check
   * @returns {Promise<number>} how many writes there are
   */
  return async (name, prepare, flow, again, check) => {
    let counted;
    for (const lost of [false, true]) {
      for (let n = 1; ; n++) {
        await restore();
        faults.goOn();
        const begun = await prepare();
        faults.stopAt(n, { lost });
        let error;
        try {
          await flow(begun);
        } catch (thrown) {
          error = thrown;
        }
        const stopped = faults.stopped;
        faults.goOn();
        if (!stopped) {
          if (error) throw error;
          counted = n - 1;
          break;
        }
        if (error) ok(typeof error.code === "string", `${name} ${n}: ${error}`);
        try {
          await check(await again(begun), begun);
        } catch (error) {
          throw new Error(`${name}, stopped at write ${n}${lost ? ", whose answer was lost" : ""}: ${error.stack ?? error}`);
        }
      }
    }
    ok(counted > 0, `${name} writes nothing`);
    return counted;
  };
}
