// `session.trust`: how far keys can be relied on, and comparing codes. Thin on purpose: the core decides.
import { badInput } from "./errors.js";
import * as input from "./input.js";

export class Trust {
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  async qrPayload(login) {
    input.login(login);
    return this.#handle.call((raw) => raw.qrPayload(login));
  }

  async state(login) {
    input.login(login);
    return this.#handle.call((raw) => raw.trustState(login));
  }

  async verificationCode(login) {
    input.login(login);
    return this.#handle.call((raw) => raw.verificationCode(login));
  }

  async verify(login, code) {
    input.login(login);
    input.text(code, "code");
    await this.#handle.call((raw) => raw.verify(login, code));
  }

  async candidates(login) {
    input.login(login);
    return this.#handle.call((raw) => raw.candidates(login));
  }

  async accept(login, fingerprint) {
    input.login(login);
    if (input.hex(fingerprint, "fingerprint").length !== 64) throw badInput("fingerprint has 64 hexadecimal digits, as candidates() gives it");
    await this.#handle.call((raw) => raw.accept(login, fingerprint));
  }
}
