// A decrypted file: its text or picture, and a way to save it.
import type { Opened } from "../model/sight.js";
import { bytes } from "./parts.js";

export function OpenedFile({ opened: { file, text, address, author } }: { opened: Opened }) {
  return (
    <section class="opened" aria-label={`Contents of ${file.name}`}>
      {text !== undefined && <pre tabIndex={0}>{text}</pre>}
      {file.type.startsWith("image/") && <img src={address} alt={`Decrypted picture ${file.name}`} />}
      <p class="quiet">
        {bytes(file.size)}, from {author}. <a href={address} download={file.name}>Save {file.name}</a>
      </p>
    </section>
  );
}
