// Two hooks, to be copied into an application.
import { useEffect, useState } from "react";
import { Regrant } from "regrant";

/** Opens a `Regrant` for as long as the component is there: `{ regrant, error }`, both undefined at first. */
export function useRegrant(application) {
  const [state, setState] = useState({});
  useEffect(() => {
    let gone = false;
    const opening = Regrant.open({ application });
    opening.then(
      (regrant) => gone || setState({ regrant }),
      (error) => gone || setState({ error }),
    );
    return () => {
      gone = true;
      opening.then((regrant) => regrant.close(), () => {});
    };
  }, [application]);
  return state;
}

/** What a session reads in these bytes: `{ opened, error }`. Looks again when access was given, or something changed. */
export function useOpened(session, bytes) {
  const [state, setState] = useState({});
  useEffect(() => {
    if (!session || !bytes) return undefined;
    let gone = false;
    const look = () =>
      session.decrypt(bytes).then(
        (opened) => gone || setState({ opened }),
        (error) => gone || setState({ error }),
      );
    look();
    const stops = ["granted", "changed"].map((event) => session.on(event, look));
    return () => {
      gone = true;
      for (const stop of stops) stop();
    };
  }, [session, bytes]);
  return state;
}
