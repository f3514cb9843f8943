// A decrypted file: its text or picture, and a way to save it.
import type { Graph } from "../model/graph.js";
import type { Opened } from "../model/sight.js";
import { bytes } from "./parts.js";

interface Props {
  opened: Opened;
  graph: Graph;
  /** Tells it from the same file opened by somebody else, and from others of that name. */
  by: string;
}

export function OpenedFile({ opened, graph, by }: Props) {
  const { file, text, address, author } = opened;
  return (
    <section class="opened" aria-label={`Contents of ${file.name}, ${by}`}>
      {text === "" && <p>This file is empty.</p>}
      {text && <pre tabIndex={0}>{text}</pre>}
      {file.type.startsWith("image/") && <img src={address} alt={`Decrypted picture ${file.name}`} />}
      <p class="quiet">
        {bytes(file.size)}, from {graph.nameOf(author)}. <a href={address} download={file.name}>Save {file.name}</a>
      </p>
    </section>
  );
}
