"use client";
// Rendered on the server, too: importing the package there does nothing.
import { useEffect, useState } from "react";
import { told } from "./story.js";

export function Places({ server }) {
  const [ready, setReady] = useState(false);
  useEffect(() => {
    globalThis.places = { server: () => JSON.parse(server), page: () => told("page") };
    setReady(true);
  }, [server]);
  return <p>{ready ? "ready" : "not yet"}</p>;
}
