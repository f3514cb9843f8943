// A relay over a SQLite database in a process of its own, which a test may kill: node serve.mjs DATABASE PORT [COMMITS].
// With a number of commits it dies right after so many from when it is told to count (SIGUSR2), before it answers.
import { createServer } from "node:http";
import { fromPackage } from "../tools/from-package.mjs";

const { createRelay, sqliteStorage } = await fromPackage("relay-server/index.js");

const [path, port, commits] = process.argv.slice(2);
const storage = sqliteStorage(path);
let left = Infinity;
process.on("SIGUSR2", () => {
  left = Number(commits);
  console.log("counting");
});
const mortal = {
  ...storage,
  async commit(commit) {
    const made = await storage.commit(commit);
    if (made && --left === 0) process.kill(process.pid, "SIGKILL");
    // Whoever was killed does not go on.
    if (left === 0) await new Promise(() => {});
    return made;
  },
};
const relay = createRelay({ storage: mortal, dev: true });
const server = createServer(relay.listener);
server.listen(Number(port), "127.0.0.1", () => console.log(server.address().port));
