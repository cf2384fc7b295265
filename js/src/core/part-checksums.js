/**
 * What the parts of one file are compared by, and what the whole file is.
 *
 * S3 computes as well: a CRC comes back with its answer to each part, an MD5 is sent along with the
 * part and compared by S3 itself. CRCs of parts make that of the file without reading it again
 * (docs/http-api.md, "Checksums").
 */

import { base64OfHex, bytesOfHex, isCrc, joinCrcs } from "./crc.js";
import { partLength, partRange } from "./part-plan.js";

export class PartChecksums {
  algorithm;
  #file;
  #plan;
  #digest;
  /** Hexadecimal digits by part number. @type {Map<number, Promise<string | null>>} */
  #computed = new Map();

  /**
   * @param {File} file
   * @param {import("./part-plan.js").PartPlan} plan
   * @param {string} algorithm CRC64NVME, CRC32C or MD5
   * @param {import("./checksum-thread.js").Digest} digest
   */
  constructor(file, plan, algorithm, digest) {
    this.#file = file;
    this.#plan = plan;
    this.algorithm = algorithm;
    this.#digest = digest;
  }

  /** @returns {string} where S3 answers a part's checksum, in lower case; "" where it only compares */
  get answerHeader() {
    return isCrc(this.algorithm) ? `x-amz-checksum-${this.algorithm.toLowerCase()}` : "";
  }

  /**
   * What has to be known before the part is sent.
   *
   * @param {number} partNumber
   * @returns {Promise<Record<string, string>>} headers
   */
  async headersOf(partNumber) {
    const md5 = isCrc(this.algorithm) ? null : await this.#hexOf(partNumber);
    return md5 === null ? {} : { "Content-MD5": base64OfHex(md5) };
  }

  /** Begins to compute, where that can continue while the part is sent. @param {number} partNumber */
  begin(partNumber) {
    this.#hexOf(partNumber);
  }

  /**
   * Reads parts that were stored before this page was opened, one at a time, beside those that are being sent.
   *
   * @param {readonly number[]} partNumbers
   * @param {AbortSignal} signal
   */
  async catchUp(partNumbers, signal) {
    for (const partNumber of partNumbers) {
      if (signal.aborted) return;
      await this.#hexOf(partNumber);
    }
  }

  /**
   * @param {number} partNumber
   * @param {string | null} answered by the store; null where CORS hides it, or there is none
   * @returns {Promise<string | null>} what is wrong with the stored part; null: nothing that could be seen
   */
  async fault(partNumber, answered) {
    if (answered === null) return null;
    const hex = await this.#hexOf(partNumber);
    if (hex === null || base64OfHex(hex) === answered) return null;
    // Read again the next time: it may be the reading that went wrong.
    this.#computed.delete(partNumber);
    return `${this.algorithm} is ${base64OfHex(hex)}, and ${answered} was stored`;
  }

  /**
   * Of the whole file. What has not been read yet is read now.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<{algorithm: string, value: string} | null>} null where a part's is unknown
   */
  async whole(signal) {
    const { algorithm } = this;
    let crc = "0";
    let md5s = "";
    for (let partNumber = 1; partNumber <= this.#plan.partCount; partNumber++) {
      const hex = await this.#hexOf(partNumber);
      signal.throwIfAborted();
      if (hex === null) return null;
      if (isCrc(algorithm)) crc = joinCrcs(algorithm, crc, hex, partLength(this.#plan, partNumber));
      else md5s += hex;
    }
    if (isCrc(algorithm)) return { algorithm, value: base64OfHex(crc) };
    const digests = new Blob([bytesOfHex(md5s)]);
    const hex = await this.#digest(algorithm, digests, 0, digests.size);
    return hex === null ? null : { algorithm, value: `${hex}-${this.#plan.partCount}` };
  }

  /** @param {number} partNumber */
  #hexOf(partNumber) {
    const known = this.#computed.get(partNumber);
    if (known) return known;
    const { start, end } = partRange(this.#plan, partNumber);
    const computing = this.#digest(this.algorithm, this.#file, start, end);
    this.#computed.set(partNumber, computing);
    return computing;
  }
}
