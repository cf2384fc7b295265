/**
 * Session credentials, with which the browser signs the URLs of its parts itself: no call to the
 * portal but one an hour.
 *
 * They open the key of this one upload and nothing else; they come by a call of their own and are
 * held here and nowhere else. Signed is what a CORS preflight has as well, for stores that check its signature
 * (Ceph RGW): not the length. Anyone who holds the credentials could sign any.
 */

import { presign } from "./sigv4.js";

/**
 * @typedef {import("./sigv4.js").SigningCredentials & {expiration: string, now: string, region: string,
 *   url: string, s3_upload_id: string}} UploadCredentials times are ISO 8601; `now` is the portal's clock
 */

/** New credentials are fetched this long before the current ones expire, which are used until then. */
const REFRESH_BEFORE_MS = 5 * 60_000;
/** Credentials this close to their end are no longer used: the part has to arrive, too. */
const MARGIN_MS = 60_000;
/** STS makes none that live shorter (AssumeRole, DurationSeconds): who says so has a clock that is wrong. */
const SHORTEST_LIFE_MS = 15 * 60_000;
/** A URL is used at once, and again for some tries. */
const URL_EXPIRES_S = 900;

/** @typedef {{credentials: UploadCredentials, refreshAtMs: number, goodUntilMs: number}} Held */

/** @returns {boolean} whether this page may sign: browsers have WebCrypto on pages over https alone */
export function canSign() {
  return globalThis.crypto?.subtle !== undefined;
}

/** For the option `signer`. @param {import("./upload-options.js").SignerNeeds} needs @returns {Signer} */
export function stsSigner(needs) {
  return new StsSigner(needs);
}

/** @implements {Signer} */
export class StsSigner {
  #clock;
  #fetchCredentials;
  #tell;
  /** @type {Held | null} */
  #held = null;
  /** One at a time. @type {Promise<void> | null} */
  #refreshing = null;
  /** What this computer's clock has to be put forward by to be the store's. */
  #skewMs = 0;

  /** @param {import("./upload-options.js").SignerNeeds} needs */
  constructor({ clock, fetchCredentials, tell }) {
    this.#clock = clock;
    this.#fetchCredentials = fetchCredentials;
    this.#tell = tell;
  }

  /** The portal's URLs are not needed. */
  accept() {}

  /**
   * @param {number} partNumber
   * @param {AbortSignal} signal
   * @returns {Promise<SignedPart>}
   * @throws {UploadError} what the portal refused with
   */
  async sign(partNumber, signal) {
    const { credentials } = await this.#current(signal);
    const signedAtMs = this.#clock.today() + this.#skewMs;
    const url = await presign({
      method: "PUT",
      url: credentials.url,
      query: { uploadId: credentials.s3_upload_id, partNumber: String(partNumber) },
      region: credentials.region,
      credentials,
      signedAtMs,
      expiresS: URL_EXPIRES_S,
    });
    const expires_at = new Date(signedAtMs + URL_EXPIRES_S * 1000).toISOString();
    return { part_number: partNumber, url, headers: {}, expires_at };
  }

  /**
   * @param {SignedPart} expired
   * @param {import("./retry.js").Failure} failure
   */
  drop(expired, { serverTimeMs }) {
    if (serverTimeMs) this.#skewMs = serverTimeMs - this.#clock.today();
    // Signed with older credentials than these, it says nothing about them.
    else if (this.#held && expired.url.includes(this.#held.credentials.access_key_id)) this.#held = null;
  }

  /** @param {AbortSignal} signal @returns {Promise<Held>} */
  async #current(signal) {
    for (;;) {
      const nowMs = this.#clock.now();
      if (this.#held && nowMs < this.#held.refreshAtMs) return this.#held;
      const mine = this.#refreshing === null;
      this.#refreshing ??= this.#refresh(signal);
      if (this.#held && nowMs < this.#held.goodUntilMs) {
        this.#refreshing.catch(() => {});
        return this.#held;
      }
      // Whether another's failed is for that one to report.
      await (mine ? this.#refreshing : this.#refreshing.catch(() => {}));
      signal.throwIfAborted();
    }
  }

  /** @param {AbortSignal} signal */
  async #refresh(signal) {
    try {
      const credentials = await this.#fetchCredentials(signal);
      const lifeMs = Math.max(SHORTEST_LIFE_MS, Date.parse(credentials.expiration) - Date.parse(credentials.now));
      const nowMs = this.#clock.now();
      this.#skewMs = Date.parse(credentials.now) - this.#clock.today();
      this.#held = {
        credentials,
        refreshAtMs: nowMs + lifeMs - REFRESH_BEFORE_MS,
        goodUntilMs: nowMs + lifeMs - MARGIN_MS,
      };
      this.#tell("credentialsrefresh", { expiration: credentials.expiration });
    } finally {
      this.#refreshing = null;
    }
  }
}

/**
 * @typedef {import("./signer-presigned.js").Signer} Signer
 * @typedef {import("./signer-presigned.js").SignedPart} SignedPart
 * @typedef {import("./errors.js").UploadError} UploadError
 */
