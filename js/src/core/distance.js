/**
 * How far the store is from this browser: the portal plans larger parts for one that is far away.
 */

/** A connection is opened by the first, and used by those that follow. */
const ROUND_TRIPS = 3;
/** How long to wait for an answer of which nothing is read. */
const ANSWER_TIMEOUT_MS = 15_000;

/**
 * @param {string} address of the portal, where it says by which URL its store is measured
 * @returns {Promise<number | null>} as `measureRoundTrip`; null, too, where the portal says none
 */
export async function measureDistance(address) {
  try {
    const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const { url } = answer.ok ? await answer.json() : {};
    return url ? await measureRoundTrip(url) : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} url of the store, for GET, signed where it has to be: a refusal would stand in the console
 * @returns {Promise<number | null>} milliseconds to there and back; null where nothing answers
 */
export async function measureRoundTrip(url) {
  let leastMs = Infinity;
  try {
    for (let trip = 0; trip < ROUND_TRIPS; trip++) {
      const startedMs = performance.now();
      const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
      // no-cors: an answer that scripts may not read is an answer.
      await fetch(url, { mode: "no-cors", cache: "no-store", credentials: "omit", signal });
      if (trip > 0) leastMs = Math.min(leastMs, performance.now() - startedMs);
    }
  } catch {
    return null;
  }
  return Math.round(leastMs);
}
