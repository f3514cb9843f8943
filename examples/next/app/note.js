"use client";

import { useEffect, useState } from "react";
import { Regrant } from "regrant";

/** Goes on from what this browser has stored, or signs in. A page of yours asks for the password. */
async function open() {
  const regrant = await Regrant.open({ application: "example-next" });
  const person = async (login, password) => (await regrant.resume(login)) ?? (await regrant.connect({ login, password }));
  const alice = await person("alice", "correct horse battery staple");
  return { regrant, alice, bob: await person("bob", "a doctor's long password") };
}

/** A form's fields, when it is sent. (An `action` would empty the form when its work is done, whatever was typed since.) */
const sent = (work) => (event) => {
  event.preventDefault();
  work(new FormData(event.currentTarget));
};

export function Note() {
  const [people, setPeople] = useState();
  const [bytes, setBytes] = useState();
  const [code, setCode] = useState("");
  const [reads, setReads] = useState({ alice: "nothing yet", bob: "nothing yet" });
  const [problem, setProblem] = useState("");

  // In the browser only: on the server nobody is signed in, and the same "Opening …" is rendered.
  useEffect(() => {
    open().then(setPeople, (error) => setProblem(error.message));
  }, []);
  if (!people) return <p>{problem || "Opening …"}</p>;
  const { regrant, alice, bob } = people;

  const look = async (alice, bytes) => {
    const read = (session) =>
      session.decrypt(bytes).then(
        ({ data }) => data,
        (error) => (error.code === "ERR_NO_ACCESS" ? "no access" : error.message),
      );
    setReads({ alice: await read(alice), bob: await read(bob) });
  };

  const share = async (form) => {
    const sealed = await alice.encrypt(form.get("note"), { shareWith: ["bob"] });
    setBytes(sealed.bytes);
    await look(alice, sealed.bytes);
  };

  const lose = async () => {
    await regrant.loseKeys("alice");
    const anew = await regrant.connect({ login: "alice", password: crypto.randomUUID() }, { reset: true });
    setPeople({ regrant, alice: anew, bob });
    setCode(await anew.trust.verificationCode("alice"));
    await look(anew, bytes);
  };

  const giveBack = async (form) => {
    const notice = (await bob.notifications.pendingAfter(0)).at(-1);
    const verificationCode = form.get("code");
    try {
      await bob.giveAccessBackTo("alice", notice.properties.dataOwnerConcernedPubKey, { verificationCode });
      setProblem("");
    } catch (error) {
      setProblem(error.code === "ERR_VERIFICATION_FAILED" ? "That is not her code." : error.message);
    }
    await look(alice, bytes);
  };

  return (
    <>
      <section aria-label="Alice">
        <h2>Alice</h2>
        <form onSubmit={sent(share)}>
          <label>Note <input name="note" required /></label> <button>Share with Bob</button>
        </form>
        <p>Alice reads: <output aria-label="Alice reads">{reads.alice}</output></p>
        <button onClick={lose}>Lose keys and password</button>
        <p>Her code, to be read out: <output aria-label="Alice's code">{code}</output></p>
      </section>
      <section aria-label="Bob">
        <h2>Bob</h2>
        <p>Bob reads: <output aria-label="Bob reads">{reads.bob}</output></p>
        <form onSubmit={sent(giveBack)}>
          <label>Code that Alice read out <input name="code" required autoComplete="off" /></label>{" "}
          <button>Give access back</button>
        </form>
        <p role="alert">{problem}</p>
      </section>
    </>
  );
}
