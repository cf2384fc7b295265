/**
 * What of an upload can be set or replaced, each declared once with its default.
 */

import { digestInThread } from "./checksum-thread.js";
import { systemClock } from "./clock.js";
import { ConnectionPool } from "./connection-pool.js";
import { browserNetwork } from "./network.js";
import { RETRY_POLICY } from "./retry.js";
import { PresignedSigner } from "./signer-presigned.js";

/**
 * @typedef {object} UploadOptions
 * @property {PortalUpload} [resume] an unfinished upload of the same file, from `adapter.list()`: only what
 *   is missing of it is sent
 * @property {number} [concurrency] parts at a time, 4
 * @property {ConnectionPool} [pool] shared by several uploads, which then send that many parts together; an
 *   upload has its own without it
 * @property {number} [stallTimeoutMs] a part without a byte for so long is sent again, 45,000
 * @property {Partial<import("./retry.js").RetryPolicy>} [retry]
 * @property {Promise<number | null> | null} [roundTripMs] how long a request takes to the store and back, as
 *   `distance.js` measures it: the portal plans larger parts for one that is far away
 * @property {boolean} [checksum] true: parts and file are compared by the checksum that the portal chose for the
 *   upload
 * @property {import("./checksum-thread.js").Digest} [digest]
 * @property {(needs: SignerNeeds) => import("./signer-presigned.js").Signer} [signer]
 * @property {import("./network.js").Network} [network]
 * @property {import("./clock.js").Clock} [clock]
 * @property {() => number} [random] from 0 to below 1
 * @property {typeof XMLHttpRequest} [XMLHttpRequest]
 */

/** @typedef {import("./portal-calls.js").PortalUpload} PortalUpload */
/**
 * @typedef {object} SignerNeeds what a signer is made from
 * @property {PortalUpload} upload
 * @property {(count: number) => number[]} upcoming the parts that will be asked for next
 * @property {import("./clock.js").Clock} clock
 * @property {(partNumbers: number[], signal: AbortSignal) => Promise<SignedPart[]>} fetchBatch
 * @property {(signal: AbortSignal) => Promise<import("./signer-sts.js").UploadCredentials>} fetchCredentials
 * @property {(type: "credentialsrefresh", detail: object) => void} tell
 */
/** @typedef {import("./signer-presigned.js").SignedPart} SignedPart */

/** @param {UploadOptions} options */
export function withDefaults(options) {
  const concurrency = options.concurrency ?? 4;
  return {
    concurrency,
    pool: new ConnectionPool(concurrency),
    stallTimeoutMs: 45_000,
    roundTripMs: null,
    checksum: true,
    digest: digestInThread,
    signer: (/** @type {SignerNeeds} */ needs) => new PresignedSigner(needs),
    network: browserNetwork,
    clock: systemClock,
    random: Math.random,
    XMLHttpRequest: globalThis.XMLHttpRequest,
    ...options,
    retry: { ...RETRY_POLICY, ...options.retry },
  };
}
