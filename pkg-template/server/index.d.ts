// `regrant/server`: what an application's own server does, for Node 20 and later. It loads no WebAssembly.

/** The application's server, as its relay knows it: by a key of which the relay has the public half. */
export class RelayServer {
  /**
   * Errors: `ERR_BAD_INPUT`.
   */
  constructor(o: {
    /** The address of the relay, as its clients know it. */
    readonly relay: string | URL;
    /** What the application is called there. */
    readonly application: string;
    /** Its private key for Ed25519: PKCS#8 in PEM (`openssl genpkey -algorithm ed25519`), or a JWK. */
    readonly key: string | JsonWebKey;
    /** Which of several keys that is, where the relay tells them apart by name (`kid`). */
    readonly keyId?: string | undefined;
  });

  /**
   * A token that vouches for a login, for the `token` option of `Regrant.open`. Whoever has it can register as that login, or
   * begin its keys anew: give it only to somebody who is logged in to the application as that user, and only over TLS. It
   * lasts twelve hours, or `lifetimeSeconds` (43,200 at most).
   *
   * `group` is the application's own division of its users; a relay may tell by it whom to list together.
   */
  createUserToken(
    login: string,
    o?: { readonly group?: string | undefined; readonly lifetimeSeconds?: number | undefined },
  ): Promise<string>;
}

export { RegrantError } from "../index.js";
