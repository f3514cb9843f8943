// `session.identities`: public keys of everyone, and renewing one's own.
import { RegrantError, badInput } from "./errors.js";
import * as input from "./input.js";

const versionOf = (value) => {
  const { login, version } = input.object(value, "a key's address");
  return { login: input.login(login), version: input.integer(version, "version", 1, Number.MAX_SAFE_INTEGER) };
};

export class Identities {
  #handle;
  #login;
  #toVault;

  /** @param {(secret: { password: string }) => Promise<{ vaultSecret: string }>} toVault derives from a password */
  constructor(handle, login, toVault) {
    this.#handle = handle;
    this.#login = login;
    this.#toVault = toVault;
  }

  async renewKeys(login, o) {
    input.optional(input.login, login);
    if (login !== undefined && login !== this.#login) throw badInput("renewKeys() renews one's own keys");
    const secret = input.optional(input.password, input.options(o).secret, "secret");
    const next = secret === undefined ? undefined : await this.#toVault({ password: secret });
    await this.#handle.call((raw) => raw.renewKeys(next));
  }

  async getLatestPublicKey(login) {
    input.login(login);
    const [key] = await this.#handle.call((raw) => raw.publicKeys([login]));
    return key;
  }

  async getLatestPublicKeys(logins) {
    input.list(logins, "logins", input.login);
    const asked = [...logins];
    const keys = await this.#latest(asked);
    return asked.map((login) => ({ ...keys.get(login) }));
  }

  async getPublicKey(address) {
    const [key] = await this.#versions([versionOf(address)]);
    return key;
  }

  async getPublicKeys(addresses) {
    return this.#versions(input.list(addresses, "the list of keys", versionOf));
  }

  async history(login) {
    input.login(login);
    return this.#handle.call((raw) => raw.history(login));
  }

  async #latest(logins) {
    const different = [...new Set(logins)];
    if (different.length === 0) return new Map();
    const keys = await this.#handle.call((raw) => raw.publicKeys(different));
    return new Map(keys.map((key) => [key.login, key]));
  }

  async #versions(addresses) {
    // Asked together first, so that the error names every login that is missing.
    const logins = [...(await this.#latest(addresses.map(({ login }) => login))).keys()];
    const all = new Map();
    for (const login of logins) all.set(login, await this.history(login));
    return addresses.map(({ login, version }) => {
      const key = all.get(login)?.find((known) => known.version === version);
      if (!key) throw new RegrantError("ERR_NOT_FOUND", `there is no version ${version} of these keys: ${login}`, { logins: [login] });
      return { ...key };
    });
  }
}
