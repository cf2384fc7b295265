/**
 * What of an upload can be set or replaced, each declared once with its default.
 */

import { systemClock } from "./clock.js";
import { browserNetwork } from "./network.js";
import { RETRY_POLICY } from "./retry.js";
import { PresignedSigner } from "./signer-presigned.js";

/**
 * @typedef {object} UploadOptions
 * @property {PortalUpload} [resume] an unfinished upload of the same file, from `adapter.list()`: only what
 *   is missing of it is sent
 * @property {number} [concurrency] parts at a time, 4
 * @property {number} [stallTimeoutMs] a part without a byte for so long is sent again, 45,000
 * @property {Partial<import("./retry.js").RetryPolicy>} [retry]
 * @property {(needs: SignerNeeds) => import("./signer-presigned.js").Signer} [signer]
 * @property {import("./network.js").Network} [network]
 * @property {import("./clock.js").Clock} [clock]
 * @property {() => number} [random] from 0 to below 1
 * @property {typeof XMLHttpRequest} [XMLHttpRequest]
 */

/** @typedef {import("./portal-calls.js").PortalUpload} PortalUpload */
/** @typedef {ConstructorParameters<typeof PresignedSigner>[0]} SignerNeeds */

/** @param {UploadOptions} options */
export function withDefaults(options) {
  return {
    concurrency: 4,
    stallTimeoutMs: 45_000,
    signer: (/** @type {SignerNeeds} */ needs) => new PresignedSigner(needs),
    network: browserNetwork,
    clock: systemClock,
    random: Math.random,
    XMLHttpRequest: globalThis.XMLHttpRequest,
    ...options,
    retry: { ...RETRY_POLICY, ...options.retry },
  };
}
