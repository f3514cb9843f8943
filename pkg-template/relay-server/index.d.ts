// `regrant/relay`: a relay inside a server of one's own, for Node 20 and later.
import type { RelayStorage } from "../index.js";

/** What is settled for one application. */
export interface Tenant {
  /**
   * Public keys (Ed25519, PEM) of those who sign its user tokens; as `{ id, key }`, a token may name the key that signed it
   * (`kid`). To change keys, name both for a while.
   */
  readonly keys?: readonly (string | { readonly id?: string; readonly key: string })[] | undefined;
  /** Who may register a login: whoever comes first (`"open"`), whoever brings a user token of that login, or nobody. */
  readonly registration?: "open" | "token" | "closed" | undefined;
  /**
   * Who may begin a login's keys anew after a loss: whoever brings a user token of that login (`"token"`, the default), or
   * whoever asks (`"open"`), which is for trying out: anybody could take anybody's login.
   */
  readonly reset?: "open" | "token" | undefined;
  /** Whether the first login administers. `false`, if nothing is said. */
  readonly firstAdministers?: boolean | undefined;
  /** Who administers. Those who were named once stay. */
  readonly administrators?: readonly string[] | undefined;
}

export interface RelayServerOptions {
  /** What it keeps everything in: `sqliteStorage(path)`, or a storage of one's own. */
  readonly storage: RelayStorage;
  /**
   * The applications that are served, by name. What is not said of one is `registration: "open"`, `reset: "token"` and
   * no administrator. Left out, any application is served so; none ever sees another's records.
   */
  readonly tenants?: { readonly [application: string]: Tenant } | undefined;
  /**
   * The address by which clients know this relay. Their logins are bound to its origin, and user tokens are for it. Only on
   * this machine (`localhost`) it may be left out.
   */
  readonly publicUrl?: string | URL | undefined;
  /**
   * What logins are bound to, if that is not the origin of `publicUrl`: as clients say in `relayId`. Name it if the relay may
   * move to another address.
   */
  readonly relayId?: string | undefined;
  /** Whose pages may ask it, beside those of its own origin: origins such as `https://app.example`, or `"*"`. */
  readonly origins?: readonly string[] | "*" | undefined;
  /** For trying out: open to all pages, begins keys anew for whoever asks, and the first login administers. */
  readonly dev?: boolean | undefined;
  /** Hears of what failed and is the operator's to know. Without it, it is printed. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface ServedRelay {
  /**
   * Answers a request that is for the relay, whatever stands before `/v1/` in its path: for servers that have these objects
   * of the web (Hono, Bun, Deno, Next.js).
   */
  readonly fetch: (request: Request) => Promise<Response>;
  /**
   * The same for Node's own servers and what is built on them: `http.createServer(relay.listener)`, `app.use("/relay",
   * relay.listener)`. It takes an `IncomingMessage` whose body nobody read, and a `ServerResponse`.
   */
  readonly listener: (request: object, response: object) => Promise<void>;
  /** Ends what waits for changes, answers nothing any more, and closes the storage if it can be closed. */
  close(): Promise<void>;
}

/**
 * A relay for one's own server (`docs/http.md` says what it answers). Its rules are the embedded relay's. It limits the size
 * of what comes in, and not how often: that is the server's, as TLS is.
 *
 * Errors: `ERR_BAD_INPUT`.
 */
export function createRelay(o: RelayServerOptions): ServedRelay;

/**
 * A relay's records in a SQLite database, which is made if it is missing; several processes may use it at once. By Node's own
 * SQLite (22.13 and later), or the package `better-sqlite3`, if it is installed.
 *
 * Errors: `ERR_STORE_MISSING` (there is neither), `ERR_STORE_UNREADABLE` (the file is something else), `ERR_UNSUPPORTED_VERSION`.
 */
export function sqliteStorage(path: string): RelayStorage & { close(): void };
/** A relay's records in a folder, as `relay: { directory }` keeps them. */
export function directoryStorage(folder: string): Promise<RelayStorage>;
/** A relay's records in memory. */
export function memoryStorage(): RelayStorage;

export { RegrantError } from "../index.js";
