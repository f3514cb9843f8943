// What a relay's storage throws, as callers see it.
import { RegrantError } from "../errors.js";

const FULL = ["QuotaExceededError", "NS_ERROR_DOM_QUOTA_REACHED", "ENOSPC", "EDQUOT"];

/** A storage's error as one of the package's, with the first as its cause. */
export function failure(cause) {
  if (cause instanceof RegrantError) return cause;
  if (FULL.includes(cause?.name) || FULL.includes(cause?.code)) {
    return new RegrantError("ERR_QUOTA", "the relay's storage is full: nothing was written", { retryable: true, cause });
  }
  if (cause?.name === "VersionError") {
    return new RegrantError("ERR_UNSUPPORTED_VERSION", "what the relay keeps here was written by a newer version", { cause });
  }
  return new RegrantError("ERR_RELAY_UNAVAILABLE", "the relay's storage failed: see `cause`", { retryable: true, cause });
}

/** The same storage, whose methods give promises that reject with errors of the package's. */
export function guarded(storage) {
  const guard = (method) => async (...given) => {
    try {
      return await method(...given);
    } catch (cause) {
      throw failure(cause);
    }
  };
  return Object.fromEntries(Object.entries(storage).map(([name, method]) => [name, guard(method)]));
}
