// Everything that a relay's records and one login's secret open, and every check on the way (protocol sections 2 to 6).
import { same } from "./boxes.mjs";
import { openEnvelope, readHeader } from "./envelope.mjs";
import { checkExchange, checkGrant, checkRevocation, checkWrap, openGrant, openWrap } from "./grants.mjs";
import { checkChain, checkKeyset, fingerprintOf, openPrivate, ownPairSeed } from "./keyset.mjs";
import { checkManifest, openPasswordSlot, openSealedSlot, openSuccessorSlot, vouched } from "./slots.mjs";
import { bytes, toBase64url } from "./transcript.mjs";

export class Reader {
  #records;
  /** By fingerprint: `{ keyset, manifest, private, slots }`. */
  #sets = new Map();

  /** `records`: a `Map` of key to `{ value }`. */
  constructor(records) {
    this.#records = records;
    for (const { keysets } of this.#all("identity/")) {
      for (const entry of keysets) this.#sets.set(toBase64url(fingerprintOf(entry.keyset)), entry);
    }
  }

  #all(prefix) {
    return [...this.#records].filter(([key]) => key.startsWith(prefix)).map(([, { value }]) => value);
  }

  /** The keyset of that fingerprint, wherever it is. */
  find(fingerprint) {
    const found = this.#sets.get(fingerprint);
    if (!found) throw new Error(`no keyset ${fingerprint}`);
    return found.keyset;
  }

  /** The keysets of a login, with all that the relay keeps beside them. */
  identity(login) {
    return [...this.#sets.values()].filter(({ keyset }) => keyset.login === login);
  }

  /** Checks every keyset, chain, manifest, exchange key, wrap, grant and revocation; gives how many of each. */
  checkAll() {
    const count = { keysets: 0, chained: 0, broken: 0, manifests: 0, slots: 0, exchanges: 0, wraps: 0, grants: 0, revocations: 0 };
    const find = (fingerprint) => this.find(fingerprint);
    for (const { keyset, manifest, slots } of this.#sets.values()) {
      checkKeyset(keyset, find);
      count.keysets += 1;
      if (keyset.version > 1) count[keyset.chainSignature ? "chained" : "broken"] += 1;
      checkManifest(manifest, keyset, slots, find(manifest.author.fingerprint));
      count.manifests += 1;
      count.slots += slots.length;
    }
    for (const { exchange, wraps } of this.#all("exchange/")) {
      checkExchange(exchange, find(exchange.delegatorFingerprint));
      for (const wrap of wraps) checkWrap(wrap, find(wrap.wrapper.fingerprint));
      count.exchanges += 1;
      count.wraps += wraps.length;
    }
    for (const { grant } of this.#all("grant/")) {
      checkGrant(grant, find(grant.grantorFingerprint));
      count.grants += 1;
    }
    // Each stands in the log of everyone whom it concerns, and once where readers of its items find it.
    const logged = this.#all("log/").filter((entry) => entry.revoked).map((entry) => entry.revoked);
    const revoked = [...logged, ...this.#all("revocation/")];
    for (const one of revoked) checkRevocation(one, find(one.revoker.fingerprint));
    count.revocations = new Set(revoked.map(({ id }) => id)).size;
    return count;
  }

  /** Opens all keysets that a vault secret opens, from the newest down: by fingerprint. */
  openWithSecret(login, secret) {
    return this.#down(login, (slot, keyset) => {
      if (slot.kind !== "password") return undefined;
      const keysetKey = openPasswordSlot(slot, login, secret);
      this.#anchored(keyset, toBase64url(vouched(slot, login, secret)));
      return keysetKey;
    });
  }

  /** Opens all keysets that somebody's own RSA pair opens. */
  openWithPair(login, pkcs8) {
    const seed = ownPairSeed(login, pkcs8);
    return this.#down(login, (slot) => (slot.kind === "keypair" ? openSealedSlot(slot, pkcs8) : undefined), seed);
  }

  /** Opens all keysets of an identity that is shared with somebody whose keysets are open. */
  openAs(login, holders) {
    return this.#down(login, (slot) => {
      const holder = slot.kind === "sharer" && holders.get(slot.holder.fingerprint);
      return holder ? openSealedSlot(slot, holder.pkcs8) : undefined;
    });
  }

  /** Throws unless an unbroken chain leads from the fingerprint to the keyset. */
  #anchored(keyset, anchor) {
    for (let k = keyset; toBase64url(fingerprintOf(k)) !== anchor; k = this.find(k.previous)) checkChain(k, this.find(k.previous));
  }

  /** `first(slot, keyset)` gives the keyset key of the newest; from there down by `successor` and `sharer` slots. */
  #down(login, first) {
    const opened = new Map();
    const add = (entry, keysetKey) => {
      const own = openPrivate(entry.keyset, entry.private, keysetKey);
      opened.set(toBase64url(own.fingerprint), own);
    };
    for (const entry of this.identity(login).sort((a, b) => b.keyset.version - a.keyset.version)) {
      for (const slot of entry.slots) {
        const keysetKey = opened.size === 0 ? attempt(() => first(slot, entry.keyset)) : this.#below(slot, entry, opened);
        if (keysetKey) {
          add(entry, keysetKey);
          break;
        }
      }
    }
    return opened;
  }

  #below(slot, { keyset }, opened) {
    if (slot.kind === "successor") {
      const next = [...opened.values()].find((own) => own.keyset.previous === toBase64url(fingerprintOf(keyset)));
      return next && openSuccessorSlot(slot, next.keysetKey);
    }
    const holder = slot.kind === "sharer" && opened.get(slot.holder.fingerprint);
    return holder ? openSealedSlot(slot, holder.pkcs8) : undefined;
  }

  /** The exchange keys that the opened keysets open: by id. Every wrap for one of them must fit. */
  exchangeKeys(opened) {
    const keys = new Map();
    for (const { exchange, wraps } of this.#all("exchange/")) {
      for (const wrap of wraps.filter((wrap) => opened.has(wrap.recipient))) {
        const key = openWrap(wrap, exchange, opened.get(wrap.recipient));
        if (keys.has(exchange.id) && !same(keys.get(exchange.id).key, key)) throw new Error("two keys in one exchange");
        keys.set(exchange.id, { exchange, key });
      }
    }
    return keys;
  }

  /** Every granted data key: by item id, `[{ keyVersion, digest, dataKey, by }]`; but for what was cut, or ran out. */
  dataKeys(opened) {
    const exchanges = this.exchangeKeys(opened);
    const found = new Map();
    for (const { grant, cuts = [] } of this.#all("grant/").filter(({ grant }) => exchanges.has(grant.exchange))) {
      const { exchange, key } = exchanges.get(grant.exchange);
      if (grant.notAfter !== undefined && grant.notAfter < Date.now()) continue;
      for (const entry of openGrant(grant, key)) {
        if (cuts.includes(entry.id)) continue;
        found.set(entry.id, [...(found.get(entry.id) ?? []), { ...entry, by: exchange.delegator }]);
      }
    }
    return found;
  }

  /** Opens an envelope with the opened keysets, by each grant that there is; throws if there is none. */
  read(opened, sealed) {
    const envelope = Buffer.from(sealed);
    const { id, keyVersion } = readHeader(envelope);
    const grants = (this.dataKeys(opened).get(id) ?? []).filter((grant) => grant.keyVersion === keyVersion);
    if (grants.length === 0) throw new Error("no access");
    const keyOf = (login, fingerprint) => {
      const author = this.find(toBase64url(fingerprint));
      if (author.login !== login) throw new Error("an author of another login");
      return bytes(author.signingKey);
    };
    const all = grants.map(({ dataKey, digest }) => openEnvelope(dataKey, envelope, digest, keyOf));
    return { ...all[0], by: grants.map(({ by }) => by).sort() };
  }
}

/** A slot that is not ours is no error. */
function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}
