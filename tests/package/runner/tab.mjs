// One of two tabs: does what the test asks of it, one thing at a time.
import { until, vault } from "./assert.mjs";

const variants = { programs: () => import("regrant"), inline: () => import("regrant/inline"), http: () => import("./over-http.mjs") };
const sessions = {};
const heard = [];
let regrant;
let ended = false;

globalThis.tab = async (variant, what) => {
  regrant ??= await (await variants[variant]()).Regrant.open({ application: "regrant", name: "tabs" });
  switch (what) {
    case "alice":
    case "bob":
      sessions.own = await regrant.connect({ login: what, ...vault(what) });
      sessions.own.on("granted", () => heard.push("granted"));
      return undefined;
    case "share": {
      // The other tab's login is known as soon as it is registered there.
      const other = sessions.own.login === "alice" ? "bob" : "alice";
      const { bytes } = await sessions.own.encrypt(`for ${other}`, { shareWith: [other] });
      return [...bytes];
    }
    case "heard":
      await until(() => heard.length > 0);
      return heard;
    case "count":
      return heard.length;
    case "resume":
      sessions.alice = await regrant.resume("alice");
      sessions.alice.on("signedout", () => (ended = true));
      return [sessions.alice.login, sessions.alice.locked];
    case "disconnect":
      return sessions.own.disconnect();
    case "alice ended":
      return ended;
    default:
      return (await sessions.own.decrypt(Uint8Array.from(what))).data;
  }
};
