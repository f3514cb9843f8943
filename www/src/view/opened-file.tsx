// A decrypted file: its text or picture, and a way to save it.
import type { Person } from "../model/person.js";
import type { Opened } from "../model/sight.js";
import { bytes, nameOf } from "./parts.js";

export function OpenedFile({ opened, people }: { opened: Opened; people: Person[] }) {
  const { file, text, address, author } = opened;
  return (
    <section class="opened" aria-label={`Contents of ${file.name}`}>
      {text === "" && <p>This file is empty.</p>}
      {text && <pre tabIndex={0}>{text}</pre>}
      {file.type.startsWith("image/") && <img src={address} alt={`Decrypted picture ${file.name}`} />}
      <p class="quiet">
        {bytes(file.size)}, from {nameOf(author, people)}. <a href={address} download={file.name}>Save {file.name}</a>
      </p>
    </section>
  );
}
