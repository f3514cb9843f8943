// The page: it never sees a key.
const worker = new Worker(new URL("./vault.js", import.meta.url), { type: "module" });
const waiting = new Map();
let last = 0;

worker.addEventListener("message", ({ data: { id, value, error } }) => {
  const { done, failed } = waiting.get(id);
  waiting.delete(id);
  if (error) failed(error);
  else done(value);
});

/** Has the worker do something. */
const ask = (call, ...args) =>
  new Promise((done, failed) => {
    waiting.set(++last, { done, failed });
    worker.postMessage({ id: last, call, args });
  });

const element = (id) => document.getElementById(id);
let bytes;

async function show() {
  for (const login of ["alice", "bob"]) {
    const text = bytes === undefined ? "nothing yet" : ask("read", login, bytes);
    element(login).value = await Promise.resolve(text).catch(({ code, message }) => (code === "ERR_NO_ACCESS" ? "no access" : message));
  }
}

/** Does something when it is asked for, and tells what went wrong. */
function on(id, event, work) {
  element(id).addEventListener(event, async (happened) => {
    happened.preventDefault();
    element("problem").textContent = "";
    try {
      await work(happened.target);
    } catch (error) {
      element("problem").textContent = error.code === "ERR_VERIFICATION_FAILED" ? "That is not her code." : error.message;
    }
    await show();
  });
}

on("share", "submit", async (form) => {
  bytes = await ask("share", new FormData(form).get("note"));
});
on("lose", "click", async () => {
  element("code").value = await ask("lose");
});
on("give", "submit", (form) => ask("giveBack", new FormData(form).get("code")));

await show();
