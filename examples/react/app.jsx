import { useEffect, useState } from "react";
import { useOpened, useRegrant } from "./use-regrant.js";

/** Goes on from what this browser has stored, or signs in. A page of yours asks for the password. */
const person = async (regrant, login, password) =>
  (await regrant.resume(login)) ?? (await regrant.connect({ login, password }));

/** A form's fields, when it is sent. (An `action` would empty the form when its work is done, whatever was typed since.) */
const sent = (work) => (event) => {
  event.preventDefault();
  work(new FormData(event.currentTarget));
};

export function App() {
  const { regrant, error } = useRegrant("example-react");
  const [people, setPeople] = useState();
  useEffect(() => {
    if (!regrant) return;
    Promise.all([
      person(regrant, "alice", "correct horse battery staple"),
      person(regrant, "bob", "a doctor's long password"),
    ]).then(([alice, bob]) => setPeople({ alice, bob }), console.error);
  }, [regrant]);
  if (error) return <p role="alert">{error.message}</p>;
  if (!people) return <p>Opening …</p>;
  return <Notes regrant={regrant} people={people} setPeople={setPeople} />;
}

function Notes({ regrant, people: { alice, bob }, setPeople }) {
  /** What was shared: only ciphertext. An application keeps it on its server. */
  const [bytes, setBytes] = useState();
  const [code, setCode] = useState("");
  const [problem, setProblem] = useState("");

  const share = async (form) => {
    setBytes((await alice.encrypt(form.get("note"), { shareWith: ["bob"] })).bytes);
  };

  const lose = async () => {
    await regrant.loseKeys("alice");
    const anew = await regrant.connect({ login: "alice", password: crypto.randomUUID() }, { reset: true });
    setPeople({ alice: anew, bob });
    setCode(await anew.trust.verificationCode("alice"));
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
  };

  return (
    <>
      <h1>Share a note, lose a key, get back</h1>
      <section aria-label="Alice">
        <h2>Alice</h2>
        <form onSubmit={sent(share)}>
          <label>Note <input name="note" required /></label> <button>Share with Bob</button>
        </form>
        <p>Alice reads: <Read session={alice} bytes={bytes} label="Alice reads" /></p>
        <button onClick={lose}>Lose keys and password</button>
        <p>Her code, to be read out: <output aria-label="Alice's code">{code}</output></p>
      </section>
      <section aria-label="Bob">
        <h2>Bob</h2>
        <p>Bob reads: <Read session={bob} bytes={bytes} label="Bob reads" /></p>
        <form onSubmit={sent(giveBack)}>
          <label>Code that Alice read out <input name="code" required autoComplete="off" /></label>{" "}
          <button>Give access back</button>
        </form>
        <p role="alert">{problem}</p>
      </section>
    </>
  );
}

function Read({ session, bytes, label }) {
  const { opened, error } = useOpened(session, bytes);
  const text = opened ? opened.data : error?.code === "ERR_NO_ACCESS" ? "no access" : (error?.message ?? "nothing yet");
  return <output aria-label={label}>{text}</output>;
}
