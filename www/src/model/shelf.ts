// Which files there are and who brought them. Their bytes are with the relay, encrypted; it is what hands them out.
import { signal } from "@preact/signals";
import * as database from "./database.js";
import type { RelayDatabase } from "./relay-database.js";

/** One encrypted file. Its name is inside, encrypted too. */
export interface Kept {
  id: string;
  /** The login of who brought it. */
  owner: string;
  /** How long it was before it was encrypted, in bytes: the relay sees about that. */
  size: number;
  added: number;
}

export class Shelf {
  /** Newest first. */
  readonly files = signal<Kept[]>([]);
  /** Other tabs show the same files. */
  #tabs = new BroadcastChannel("regrant-demo-page");

  /** @param kept what the relay keeps */
  constructor(readonly kept: RelayDatabase) {
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

  /** A file as the relay has it: its parts put together are one envelope, which `decrypt` takes, too. */
  async sealed(id: string): Promise<Blob> {
    const chunks = (await this.kept.partNames(id)).filter((name) => /^\d+$/.test(name)).sort();
    const parts = await this.kept.getParts(id, ["head", ...chunks, "trailer"]);
    return new Blob(parts.flatMap((part) => part ?? []), { type: "application/octet-stream" });
  }

  /** Tells other tabs that everything was deleted. */
  over(): void {
    this.#tabs.postMessage("over");
  }
}
