// `session.admin`: what the relay's administrator can do for others.
import * as input from "./input.js";

export class Admin {
  #handle;
  #toVault;

  constructor(handle, toVault) {
    this.#handle = handle;
    this.#toVault = toVault;
  }

  async overwriteKeys(login, o) {
    input.login(login);
    const { secret } = input.options(o, ["secret"]);
    const next = await this.#toVault(login, { password: input.password(secret, "secret") });
    await this.#handle.call((raw) => raw.overwriteKeys(login, next));
  }
}
