// The page's stand-in for a server that keeps files: encrypted bytes, handed to whoever asks. It cannot read them.
import { signal } from "@preact/signals";
import * as database from "./database.js";

/** One encrypted file. Its name is inside, encrypted too. */
export interface Kept {
  id: string;
  /** The login of who brought it. */
  owner: string;
  bytes: Uint8Array<ArrayBuffer>;
  added: number;
}

export class Shelf {
  /** Newest first. */
  readonly files = signal<Kept[]>([]);
  /** Other tabs show the same files. */
  #tabs = new BroadcastChannel("regrant-demo-page");

  constructor() {
    this.#tabs.onmessage = ({ data }) => (data === "over" ? location.reload() : void this.load());
  }

  async load(): Promise<void> {
    const files = await database.all<Kept>("files");
    this.files.value = files.sort((a, b) => b.added - a.added);
  }

  async keep(file: Kept): Promise<void> {
    await database.put("files", file.id, file);
    this.files.value = [file, ...this.files.value.filter(({ id }) => id !== file.id)];
    this.#tabs.postMessage("kept");
  }

  /** Tells other tabs that everything was deleted. */
  over(): void {
    this.#tabs.postMessage("over");
  }
}
