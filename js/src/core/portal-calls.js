/**
 * A call to the portal, repeated while repeating may help. All calls of the protocol are safe to
 * repeat, so a lost answer costs nothing but the time.
 */

import { wait } from "./clock.js";
import { UploadError } from "./errors.js";
import { decide, isTransient } from "./retry.js";

/**
 * The portal as the upload sees it: the calls of the protocol. Each rejects with an
 * {@link UploadError}; `status` 0 says that no answer arrived.
 *
 * @typedef {object} Adapter
 * @property {string} url where the portal is, with its scheme: the upload asks there whether the network is back
 * @property {(request: CreateRequest) => Promise<{upload: PortalUpload, parts: SignedPart[]}>} create
 * @property {(uploadId: string, partNumbers: number[]) => Promise<SignedPart[]>} signParts
 * @property {(uploadId: string) => Promise<import("./signer-sts.js").UploadCredentials>} [credentials] where the
 *   browser signs the parts, with `stsSigner`
 * @property {(uploadId: string) => Promise<PortalUpload>} show with what the store has of it now
 * @property {() => Promise<PortalUpload[]>} list the caller's own that are not saved with a form yet; `stored` is null
 * @property {() => Promise<PublishedFile[]>} [files] those that are published in the place that the uploads go to
 * @property {(uploadId: string, checksum: {algorithm: string, value: string} | null) => Promise<PortalUpload>} complete
 *   the checksum is that of the whole file, where it is known
 * @property {(uploadId: string) => Promise<PortalUpload>} abort
 *
 * @typedef {import("./signer-presigned.js").SignedPart} SignedPart
 *
 * @typedef {object} CreateRequest
 * @property {string} filename
 * @property {number} size bytes
 * @property {string} content_type "" where the browser knows none
 * @property {string} fingerprint
 * @property {number} [round_trip_ms] to the store and back
 * @property {string} idempotency_key the same key never makes a second upload
 *
 * @typedef {object} PublishedFile
 * @property {string} resource id
 * @property {string} upload id
 * @property {string} filename
 * @property {number} size bytes
 * @property {string} [fingerprint] see fingerprint.js
 * @property {{algorithm: string, value: string} | null} [checksum] of the whole file
 *
 * @typedef {object} PortalUpload
 * @property {string} id
 * @property {"uploading" | "adopting" | "quarantined" | "completed" | "attached" | "aborted" | "refused"} state
 * @property {string} filename
 * @property {number} size bytes
 * @property {string} content_type
 * @property {number} part_size bytes
 * @property {number} part_count
 * @property {string | null} [stored] part numbers that the store has, as in "1-1099,1101"; null where not asked for
 * @property {number | null} [stored_bytes]
 * @property {string | null} [checksum_algorithm] CRC64NVME, CRC32C or MD5: what parts are compared by
 * @property {string} [created_at] ISO 8601
 * @property {string} [fingerprint] see fingerprint.js
 * @property {{algorithm: string, value: string} | null} [checksum] of the whole file, once that is known
 * @property {{code: string, message: string}} [refusal] why a refused file is not accepted; in a list
 */

/**
 * @template T
 * @param {() => Promise<T>} call
 * @param {object} how
 * @param {import("./retry.js").RetryPolicy} how.policy
 * @param {import("./clock.js").Clock} how.clock
 * @param {() => number} how.random
 * @param {AbortSignal} how.signal stops the waiting; a call on its way is left to answer
 * @returns {Promise<T>}
 */
export async function repeated(call, { policy, clock, random, signal }) {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof UploadError)) throw error;
      if (!isTransient(error)) throw error;
      const decision = decide(error, { tries, signings: 0 }, policy, random);
      if (decision.action === "stop") throw error;
      await wait(decision.delayMs, clock, signal);
    }
  }
}
