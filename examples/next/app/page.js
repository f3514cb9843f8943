import { connection } from "next/server";
import { Note } from "./note.js";

// Rendered at each request, because each gets a nonce of its own (proxy.js).
export default async function Page() {
  await connection();
  return (
    <>
      <h1>Share a note, lose a key, get back</h1>
      <Note />
    </>
  );
}
