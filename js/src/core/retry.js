/**
 * What to do about a failure: try again and when, sign again, or stop.
 *
 * The decision is a function of the failure, of what was tried before and of a random number; who
 * waits and sends is elsewhere. Waits have full jitter (uniform from 0 to the growing cap), so that
 * thousands of browsers that failed together do not come back together
 * (AWS Architecture Blog, "Exponential Backoff And Jitter").
 */

/**
 * @typedef {object} Failure
 * @property {number} status HTTP status; 0 where no answer arrived at all
 * @property {string} code S3's or the portal's error code; "" where there is none
 * @property {string} message for the log and the details fold
 * @property {number | null} retryAfterMs what the answer asked for
 * @property {number | undefined} [serverTimeMs] the store's clock, where it found ours wrong
 */

/**
 * @typedef {object} RetryPolicy
 * @property {number} tries of one request, the first one included
 * @property {number} baseMs cap of the first wait; it doubles with each
 * @property {number} capMs longest wait, unless the answer asks for more
 * @property {number} retryAfterCapMs longest wait that an answer may ask for
 * @property {number} freeSignings of one request; more of them spend tries, so a wrong clock ends
 */

/**
 * @typedef {{action: "retry", delayMs: number} | {action: "sign", delayMs: 0} | {action: "stop", delayMs: 0}} Decision
 */

/** @type {Readonly<RetryPolicy>} */
export const RETRY_POLICY = {
  tries: 10,
  baseMs: 300,
  capMs: 30_000,
  retryAfterCapMs: 300_000,
  freeSignings: 3,
};

/** S3 answers these with 400 although nothing is wrong with the request itself. */
const TRANSIENT_CODES = new Set(["RequestTimeout", "IncompleteBody", "BadDigest"]);
/** Session credentials have expired, or a clock is wrong (S3 API, "Error responses"). */
const EXPIRED_CODES = new Set(["ExpiredToken", "TokenRefreshRequired", "RequestTimeTooSkewed"]);

/**
 * @param {Failure} failure
 * @returns {boolean} the signature is too old or too new, nothing else is wrong
 */
export function isExpired(failure) {
  if (EXPIRED_CODES.has(failure.code)) return true;
  // An old presigned URL is a plain AccessDenied; only its message tells.
  return failure.status === 403 && /request (has expired|is not (yet )?valid)/i.test(failure.message);
}

/**
 * @param {Failure} failure
 * @returns {boolean} the same request may succeed later
 */
export function isTransient(failure) {
  const { status, code } = failure;
  if (status === 0 || status === 408 || status === 429) return true;
  if (status === 400) return TRANSIENT_CODES.has(code);
  return status >= 500 && status !== 501;
}

/**
 * @param {Failure} failure
 * @param {{tries: number, signings: number}} spent tries including the failed one
 * @param {RetryPolicy} policy
 * @param {() => number} random from 0 to below 1
 * @returns {Decision}
 */
export function decide(failure, spent, policy, random) {
  const expired = isExpired(failure);
  if (expired && spent.signings < policy.freeSignings) return { action: "sign", delayMs: 0 };
  const mayPass = expired || isTransient(failure);
  if (!mayPass || spent.tries >= policy.tries) return { action: "stop", delayMs: 0 };
  const jitterMs = random() * Math.min(policy.capMs, policy.baseMs * 2 ** (spent.tries - 1));
  const askedMs = Math.min(failure.retryAfterMs ?? 0, policy.retryAfterCapMs);
  // Jitter on top of the wait that was asked for, since all other clients were asked for the same.
  return { action: "retry", delayMs: askedMs + jitterMs };
}

/**
 * @param {string | null | undefined} value of a Retry-After header (RFC 9110, 10.2.3): seconds or a date
 * @param {number} nowMs milliseconds since 1970
 * @returns {number | null} milliseconds from now; null where there is none that can be read
 */
export function parseRetryAfter(value, nowMs) {
  if (!value) return null;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}
