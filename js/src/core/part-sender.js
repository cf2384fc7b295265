/**
 * Brings the parts of one upload to the store: several at a time, each until the store has it.
 *
 * It can be stopped at any moment by its signal and told to resume later; what is stored stays
 * known. It has no states of its own: those are `upload.js`'s.
 */

import { wait } from "./clock.js";
import { UploadError } from "./errors.js";
import { parsePartRanges, partLength, partRange, planParts } from "./part-plan.js";
import { PartChecksums } from "./part-checksums.js";
import { PartQueue } from "./part-queue.js";
import { sendPart } from "./part-request.js";
import { ProgressLedger } from "./progress.js";
import { decide, isExpired, isTransient } from "./retry.js";
import { SpeedEstimate } from "./speed.js";

/**
 * @typedef {object} SenderNeeds
 * @property {number} concurrency parts at a time
 * @property {import("./connection-pool.js").ConnectionPool} pool
 * @property {number} stallTimeoutMs
 * @property {import("./retry.js").RetryPolicy} retry
 * @property {import("./clock.js").Clock} clock
 * @property {() => number} random
 * @property {typeof XMLHttpRequest} XMLHttpRequest
 * @property {boolean} checksum whether parts are compared with what the store says of them
 * @property {import("./checksum-thread.js").Digest} digest
 * @property {(upcoming: (count: number) => number[]) => import("./signer-presigned.js").Signer} openSigner
 * @property {import("./network.js").Network} network
 * @property {string} portalUrl
 * @property {(type: "progress" | "partcomplete" | "partretry", detail?: object) => void} tell
 */

/** A store that answered none of this many tries of a part is out of this browser's reach, if the portal answers. */
const UNHEARD_TRIES = 4;

export class PartSender {
  /** Where the store was met last, without what signs it. @type {string | undefined} */
  lastUrl;
  #file;
  #needs;
  #plan;
  /** Part numbers. */
  #storedBefore;
  #queue;
  #signer;
  /** @type {PartChecksums | null} */
  #checksums = null;
  /** The store answered something. */
  #isHeard = false;
  #ledger = new ProgressLedger();
  #speed = new SpeedEstimate();

  /**
   * @param {File} file
   * @param {import("./portal-calls.js").PortalUpload} upload
   * @param {SenderNeeds} needs
   */
  constructor(file, upload, needs) {
    this.#file = file;
    this.#needs = needs;
    this.#plan = planParts(file.size, upload.part_size);
    if (this.#plan.partCount !== upload.part_count) {
      const message = `${upload.part_count} parts planned, ${this.#plan.partCount} needed`;
      throw new UploadError("unreadable_answer", message);
    }
    this.#storedBefore = storedParts(upload, this.#plan);
    this.#queue = new PartQueue(this.#plan.partCount, this.#storedBefore);
    for (const partNumber of this.#storedBefore) this.#ledger.stored(partNumber, partLength(this.#plan, partNumber));
    // Of an upload that is complete, the portal has compared everything before.
    if (needs.checksum && upload.checksum_algorithm && upload.state === "uploading") {
      this.#checksums = new PartChecksums(file, this.#plan, upload.checksum_algorithm, needs.digest);
    }
    this.#signer = needs.openSigner((count) => this.#queue.upcoming(count));
  }

  /** @param {readonly import("./signer-presigned.js").SignedPart[]} parts that came with the upload */
  accept(parts) {
    this.#signer.accept(parts);
  }

  /** @returns {boolean} the store took at least one part */
  get hasStored() {
    return this.#queue.storedCount > 0;
  }

  /** @returns {number} bytes; never goes back */
  get loaded() {
    return this.#ledger.loaded;
  }

  /** @returns {{bytesPerSecond: number | null, eta: number | null}} eta in seconds */
  measure() {
    this.#speed.sample(this.#needs.clock.now(), this.loaded);
    return this.measured;
  }

  /** @returns {{bytesPerSecond: number | null, eta: number | null}} as it was measured last */
  get measured() {
    const eta = this.#speed.secondsLeft(this.#plan.size - this.loaded);
    return { bytesPerSecond: this.#speed.bytesPerSecond, eta };
  }

  /** The time from here on counts for no speed. */
  rest() {
    this.#speed.rest();
  }

  /** From here on `loaded` is what is stored: the upload failed. */
  settle() {
    this.#ledger.settle();
  }

  /** @param {number[]} partNumbers that the store had confirmed and has not */
  resend(partNumbers) {
    for (const partNumber of partNumbers) {
      this.#ledger.lost(partLength(this.#plan, partNumber));
      this.#queue.putBack(partNumber);
    }
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<void>} when every part is stored; rejects at the first that cannot be, or with
   *   the signal's reason
   */
  async sendAll(signal) {
    this.#checksums?.catchUp(this.#storedBefore, signal);
    await Promise.all(Array.from({ length: this.#needs.concurrency }, () => this.#work(signal)));
    signal.throwIfAborted();
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<{algorithm: string, value: string} | null>} of the whole file; null where it is not known
   */
  async checksum(signal) {
    return this.#checksums?.whole(signal) ?? null;
  }

  /** Sends one part after another. @param {AbortSignal} signal */
  async #work(signal) {
    for (let partNumber = this.#queue.take(); partNumber !== null; partNumber = this.#queue.take()) {
      try {
        const etag = await this.#store(partNumber, signal);
        this.#ledger.stored(partNumber, partLength(this.#plan, partNumber));
        this.#queue.markStored(partNumber);
        this.#needs.tell("partcomplete", { partNumber, etag });
        this.#needs.tell("progress");
      } catch (error) {
        this.#ledger.dropped(partNumber);
        this.#queue.putBack(partNumber);
        throw error;
      }
    }
  }

  /**
   * @param {number} partNumber
   * @param {AbortSignal} signal
   * @returns {Promise<string | null>} the ETag, where the bucket shows it to browsers
   */
  async #store(partNumber, signal) {
    const { start, end } = partRange(this.#plan, partNumber);
    const onProgress = (/** @type {number} */ bytes) => {
      this.#ledger.sent(partNumber, bytes);
      this.#needs.tell("progress");
    };
    let tries = 0;
    let signings = 0;
    /** @type {import("./signer-presigned.js").SignedPart | null} */
    let signed = null;
    for (;;) {
      const checksumHeaders = await this.#checksums?.headersOf(partNumber);
      const giveBack = await this.#needs.pool.take(signal);
      /** @type {import("./part-request.js").PartOutcome} */
      let outcome;
      try {
        signed ??= await this.#signer.sign(partNumber, signal);
        [this.lastUrl] = signed.url.split("?", 1);
        // A slice is a reference: the bytes go from disk to network without passing through scripts.
        const body = this.#file.slice(start, end);
        this.#checksums?.begin(partNumber);
        const headers = { ...signed.headers, ...checksumHeaders };
        const checksumHeader = this.#checksums?.answerHeader ?? "";
        const how = { ...this.#needs, signal, checksumHeader, onProgress };
        outcome = await sendPart({ url: signed.url, headers }, body, how);
      } finally {
        giveBack();
      }
      this.#isHeard ||= outcome.kind === "stored" || (outcome.kind === "failed" && outcome.status !== 0);
      if (outcome.kind === "stored") outcome = await this.#compared(partNumber, outcome);
      if (outcome.kind === "cancelled") throw signal.reason;
      if (outcome.kind === "stored") return outcome.etag;

      this.#ledger.dropped(partNumber);
      if (outcome.status === 0) await this.#requireReadable(start, end);
      const spent = { tries: tries + 1, signings };
      const { action, delayMs } = decide(outcome, spent, this.#needs.retry, this.#needs.random);
      const isBlocked = !this.#isHeard && spent.tries >= UNHEARD_TRIES && (await this.#needs.network.reaches(this.#needs.portalUrl));
      if (isBlocked || action === "stop") throw this.#storeError(outcome, partNumber);
      if (action === "sign") signings += 1;
      else tries += 1;
      const signedAgain = isExpired(outcome);
      this.#needs.tell("partretry", { partNumber, tries, delayMs, signedAgain, failure: outcome });
      await wait(delayMs, this.#needs.clock, signal);
      if (signedAgain) {
        this.#signer.drop(signed, outcome);
        signed = null;
      }
    }
  }

  /**
   * A part that the store has otherwise than it was sent is as good as one that it refused.
   *
   * @param {number} partNumber
   * @param {import("./part-request.js").PartOutcome & {kind: "stored"}} outcome
   * @returns {Promise<import("./part-request.js").PartOutcome>}
   */
  async #compared(partNumber, outcome) {
    const fault = await this.#checksums?.fault(partNumber, outcome.checksum);
    if (!fault) return outcome;
    return { kind: "failed", status: 400, code: "BadDigest", message: fault, retryAfterMs: null };
  }

  /**
   * What goes wrong here is between browser and store, and of one part.
   *
   * @param {import("./retry.js").Failure} failure
   * @param {number} partNumber
   * @returns {UploadError}
   */
  #storeError(failure, partNumber) {
    const { status, code: store_code } = failure;
    let code = isTransient(failure) ? "store_failed" : "store_refused";
    if (status === 0) code = this.#isHeard ? "part_unanswered" : "no_answer_from_store";
    if (store_code === "NoSuchUpload") code = "upload_gone";
    const message = `PUT ${this.lastUrl}: ${status} ${failure.message}`;
    return new UploadError(code, message, { status, facts: { part: partNumber, store_code } });
  }

  /**
   * A file that changed on disk looks like a broken connection to XHR; reading it tells.
   *
   * @param {number} start
   * @param {number} end
   */
  async #requireReadable(start, end) {
    try {
      await this.#file.slice(start, Math.min(end, start + 1)).arrayBuffer();
    } catch (cause) {
      throw new UploadError("file_unreadable", `${start}-${end} cannot be read`, { cause });
    }
  }
}

/**
 * @param {import("./portal-calls.js").PortalUpload} upload
 * @param {import("./part-plan.js").PartPlan} plan
 * @returns {number[]} the planned parts that the store has of it
 */
function storedParts(upload, { partCount }) {
  return parsePartRanges(upload.stored ?? "").filter((partNumber) => partNumber >= 1 && partNumber <= partCount);
}
