// A browser driven by plain WebDriver, for the engines that Playwright does not drive as they are released. It has the few
// methods of Playwright's that the tests of all engines use: newContext, newPage, goto, evaluate, waitForFunction, close.
//
// One window after the other belongs to one profile: a context is some windows, and no storage of its own. Tests that want
// fresh storage take a fresh address (`fresh` in serve.mjs).
import { spawn } from "node:child_process";
import { createServer } from "node:net";

const POLL_MS = 20;
/** A browser that starts, a command, a page that loads: no one of them takes longer. */
const PATIENCE_MS = 90_000;
/** A length that no timer in the product has: engines count it with the timers of the page, which a test may hurry. */
const SCRIPT_MS = 60_001;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/**
 * Starts a driver, and a browser by it.
 *
 * @param {{ program: string, args: (port: number) => string[], env?: object, capabilities: object }} how
 */
export async function drive(how) {
  const browser = new Browser(() => start(how));
  await browser.newContext();
  return browser;
}

/** A session: its address, the window that came with it, and what ends it, its browser and its driver. */
async function start({ program, args, env = {}, capabilities }) {
  const port = await freePort();
  // A group of its own: the browser ends with its driver, also when the driver did not get to end it.
  const child = spawn(program, args(port), { env: { ...process.env, ...env }, stdio: "ignore", detached: true });
  let gone = false;
  child.on("error", () => (gone = true)).on("exit", () => (gone = true));
  const killed = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It is gone already.
    }
  };
  process.once("exit", killed);
  const end = async () => {
    process.removeListener("exit", killed);
    killed();
    for (let left = 250; left > 0 && !gone; left--) await pause(POLL_MS);
  };
  const base = `http://127.0.0.1:${port}`;
  try {
    for (let left = 500; !(await fetch(`${base}/status`).then(() => true, () => false)); left--) {
      if (gone || left === 0) throw new Error(`${program} did not start`);
      await pause(POLL_MS);
    }
    const { sessionId } = await command("POST", `${base}/session`, { capabilities: { alwaysMatch: { timeouts: { script: SCRIPT_MS }, ...capabilities } } });
    const session = `${base}/session/${sessionId}`;
    return { session, first: await command("GET", `${session}/window`), end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function command(method, url, body = {}) {
  const request = { method, signal: AbortSignal.timeout(PATIENCE_MS) };
  if (method === "POST") Object.assign(request, { body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  const response = await fetch(url, request);
  const { value } = await response.json();
  if (!response.ok) throw new Error(`WebDriver: ${value?.error}: ${value?.message}`);
  return value;
}

class Browser {
  #start;
  #session;
  #end;
  /** The last command that was begun: a session has one current window, so commands go one after the other. */
  #last = Promise.resolve();
  #current;
  /** The window that came with the session. It stays empty and open: a session ends with its last window. */
  first;

  constructor(start) {
    this.#start = start;
  }

  /** A page that crashed takes its session with it: that fails the test whose page it was, and the next one begins anew. */
  async newContext() {
    const alive = this.#session && (await command("GET", `${this.#session}/window/handles`).then(() => true, () => false));
    if (!alive) {
      await this.#end?.();
      const { session, first, end } = await this.#start();
      [this.#session, this.first, this.#end, this.#current] = [session, first, end, undefined];
    }
    return new Context(this);
  }

  async close() {
    await command("DELETE", this.#session).catch(() => {});
    await this.#end();
  }

  /** Sends a command, to a window if one is named. */
  send(method, path, body, window) {
    const sent = this.#last.then(async () => {
      if (window && window !== this.#current) {
        await command("POST", `${this.#session}/window`, { handle: window });
        this.#current = window;
      }
      return command(method, `${this.#session}${path}`, body);
    });
    this.#last = sent.catch(() => {});
    return sent;
  }

  async closeWindow(window) {
    await this.send("DELETE", "/window", undefined, window);
  }
}

class Context {
  #browser;
  #pages = [];

  constructor(browser) {
    this.#browser = browser;
  }

  async newPage() {
    const { handle } = await this.#browser.send("POST", "/window/new", { type: "tab" }, this.#browser.first);
    const page = new Page(this.#browser, handle);
    this.#pages.push(page);
    return page;
  }

  async close() {
    // Gone already, if the page crashed.
    for (const page of this.#pages.splice(0)) await page.close().catch(() => {});
  }
}

class Page {
  #browser;
  #window;
  #asked = 0;

  constructor(browser, window) {
    this.#browser = browser;
    this.#window = window;
  }

  /** As Playwright's: of what a page reports by itself WebDriver tells nothing, so the page keeps it (runner/browser.mjs). */
  async goto(address) {
    await this.#browser.send("POST", "/url", { url: String(address) }, this.#window);
  }

  /** Calls a function in the page, and gives what its promise came to. */
  async evaluate(work, given) {
    // Begun, and asked for: while a command waits for a promise, no other could be sent.
    const id = ++this.#asked;
    await this.#run(
      `const outcomes = (window.drivenOutcomes ??= {});
       Promise.resolve().then(() => (${work})(arguments[0])).then(
         (value) => { outcomes[${id}] = { value, nothing: value === undefined }; },
         (error) => { outcomes[${id}] = { error: String(error?.stack || error), message: String(error?.message ?? error) }; });`,
      given,
    );
    for (;;) {
      const outcome = await this.#run(`const outcome = window.drivenOutcomes?.[${id}]; return outcome && { ...outcome, done: true };`);
      if (outcome?.error) throw new Error(`in the page: ${outcome.message}\n${outcome.error}`);
      if (outcome?.done) return outcome.nothing ? undefined : outcome.value;
      await pause(POLL_MS);
    }
  }

  async waitForFunction(condition, given, { timeout = 30_000 } = {}) {
    for (const deadline = Date.now() + timeout; ; ) {
      if (await this.evaluate(condition, given)) return;
      if (Date.now() > deadline) throw new Error(`waited ${timeout} ms in vain for ${condition}`);
      await pause(POLL_MS);
    }
  }

  close() {
    return this.#browser.closeWindow(this.#window);
  }

  #run(script, given) {
    return this.#browser.send("POST", "/execute/sync", { script, args: given === undefined ? [] : [given] }, this.#window);
  }
}
