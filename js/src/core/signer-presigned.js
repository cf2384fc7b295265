/**
 * Presigned URLs, fetched in batches and ahead of need, so that no part waits for a signature.
 *
 * A signer is anything with these three methods; the upload knows no more about signing.
 *
 * @typedef {object} Signer
 * @property {(parts: readonly SignedPart[]) => void} accept the batch that came with the upload
 * @property {(partNumber: number, signal: AbortSignal) => Promise<SignedPart>} sign
 * @property {(expired: SignedPart, failure: import("./retry.js").Failure) => void} drop the store called
 *   this one expired, or too early: sign again
 */

import { UploadError } from "./errors.js";

/**
 * @typedef {object} SignedPart
 * @property {number} part_number
 * @property {string} url
 * @property {Readonly<Record<string, string>>} headers
 * @property {string} expires_at ISO 8601
 */

/** The life of URLs of which it is not known. */
const USUAL_LIFE_MS = 90_000;
const SMALLEST_BATCH = 16;
/** The protocol's limit of one sign_parts. */
const LARGEST_BATCH = 1_000;
/** A URL this close to its end is no longer used: the part has to arrive, too. */
const MARGIN_MS = 60_000;

/** @typedef {{signed: SignedPart, goodUntilMs: number}} Held */

/** @implements {Signer} */
export class PresignedSigner {
  #fetchBatch;
  #upcoming;
  #clock;
  /** @type {Map<number, Held>} */
  #held = new Map();
  /** Parts that wait for a URL. @type {Set<number>} */
  #wanted = new Set();
  /** The batch on its way; at most one. @type {Promise<void> | null} */
  #fetching = null;
  #usedSinceFetch = 0;
  #fetchedAtMs = 0;
  #batchSize = SMALLEST_BATCH;
  #lifeMs = USUAL_LIFE_MS;

  /** @param {Pick<import("./upload-options.js").SignerNeeds, "fetchBatch" | "upcoming" | "clock">} needs */
  constructor({ fetchBatch, upcoming, clock }) {
    this.#fetchBatch = fetchBatch;
    this.#upcoming = upcoming;
    this.#clock = clock;
    this.#fetchedAtMs = clock.now();
  }

  /** @param {readonly SignedPart[]} parts */
  accept(parts) {
    const nowMs = this.#clock.now();
    for (const signed of parts) {
      const lifeMs = Date.parse(signed.expires_at) - this.#clock.today() - MARGIN_MS;
      // A life that is over before it began means that this computer's clock is wrong: then the
      // store's answer alone says when a URL has expired.
      const goodUntilMs = lifeMs > MARGIN_MS ? nowMs + (this.#lifeMs = lifeMs) : Infinity;
      this.#held.set(signed.part_number, { signed, goodUntilMs });
    }
  }

  /**
   * @param {number} partNumber
   * @param {AbortSignal} signal
   * @returns {Promise<SignedPart>}
   * @throws {UploadError} what the portal refused with
   */
  async sign(partNumber, signal) {
    this.#wanted.add(partNumber);
    try {
      // Others wait for a batch that may hold this part, too. Whether it failed is theirs to report.
      while (!this.#usable(partNumber) && this.#fetching) {
        await this.#fetching.catch(() => {});
        signal.throwIfAborted();
      }
      if (!this.#usable(partNumber)) await this.#fetch([partNumber], signal);
    } finally {
      this.#wanted.delete(partNumber);
    }
    const signed = this.#usable(partNumber);
    if (!signed) throw new UploadError("unreadable_answer", `the portal did not sign part ${partNumber}`);
    this.#held.delete(partNumber);
    this.#usedSinceFetch += 1;
    this.#fetchAhead(signal);
    return signed;
  }

  /** @param {SignedPart} expired */
  drop(expired) {
    // What was signed with it or before it has expired with it.
    for (const [partNumber, { signed }] of this.#held) {
      if (signed.expires_at <= expired.expires_at) this.#held.delete(partNumber);
    }
  }

  /** @param {number} partNumber @returns {SignedPart | null} */
  #usable(partNumber) {
    const held = this.#held.get(partNumber);
    return held && held.goodUntilMs > this.#clock.now() ? held.signed : null;
  }

  /** Fetches the next batch while a quarter of the last one is left. @param {AbortSignal} signal */
  #fetchAhead(signal) {
    if (this.#fetching) return;
    const low = Math.max(8, this.#batchSize >> 2);
    const upcoming = this.#upcoming(low);
    if (upcoming.every((partNumber) => this.#usable(partNumber))) return;
    // A failure here costs nothing yet: the part that needs the URL asks again, and reports.
    this.#fetch([], signal).catch(() => {});
  }

  /** @param {number[]} needed @param {AbortSignal} signal @returns {Promise<void>} */
  #fetch(needed, signal) {
    const nowMs = this.#clock.now();
    this.#batchSize = batchSize(this.#usedSinceFetch, nowMs - this.#fetchedAtMs, this.#lifeMs);
    this.#usedSinceFetch = 0;
    this.#fetchedAtMs = nowMs;
    // A moment later, so that those who come at the same time are in the same batch.
    return (this.#fetching = Promise.resolve()
      .then(() => {
        const partNumbers = new Set([...needed, ...this.#wanted, ...this.#upcoming(this.#batchSize)]);
        const unsigned = [...partNumbers].filter((partNumber) => !this.#usable(partNumber));
        return this.#fetchBatch(unsigned.slice(0, LARGEST_BATCH), signal);
      })
      .then((parts) => this.accept(parts))
      .finally(() => {
        this.#fetching = null;
      }));
  }
}

/**
 * @param {number} used parts sent since the last batch was fetched
 * @param {number} elapsedMs since then
 * @param {number} lifeMs how long the URLs of the next one live
 * @returns {number} parts that the next batch should hold
 */
export function batchSize(used, elapsedMs, lifeMs) {
  // It should last two thirds of the life of its URLs: few calls, and no URL grows old unused.
  const wanted = Math.round(((used / elapsedMs || 0) * lifeMs * 2) / 3);
  return Math.min(LARGEST_BATCH, Math.max(SMALLEST_BATCH, wanted));
}
