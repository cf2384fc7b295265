/**
 * Whether this computer has a connection, as far as a browser knows.
 *
 * @typedef {object} Network
 * @property {(listener: (online: boolean) => void) => () => void} watch answers the way to stop watching
 * @property {(url: string) => Promise<boolean>} reaches whether anything answers there, whatever it says
 * @property {(url: string) => Promise<number | null>} roundTripMs to there and back; null where nothing answers
 */

import { wait } from "./clock.js";

/** A connection is opened by the first, and used by those that follow. */
const ROUND_TRIPS = 3;
/** Nobody waits longer for an answer of which nothing is read. */
const ANSWER_TIMEOUT_MS = 15_000;
/** How long to wait between two looks for the network, where no event tells that it is back. */
const LOOK_AGAIN_MS = 15_000;

/**
 * Some computers never tell that the network is back.
 *
 * @param {string[]} urls
 * @param {Network} network
 * @param {import("./clock.js").Clock} clock
 * @param {AbortSignal} signal
 * @returns {Promise<void>} when something answers at each of them; rejects with the signal's reason
 */
export async function whenReachable(urls, network, clock, signal) {
  const reached = async () => (await Promise.all(urls.map((url) => network.reaches(url)))).every(Boolean);
  do await wait(LOOK_AGAIN_MS, clock, signal);
  while (!(await reached()));
  signal.throwIfAborted();
}

/** By URL: the way is measured once a page. @type {Map<string, Promise<number | null>>} */
const measured = new Map();

/** @param {string} url @returns {Promise<number | null>} */
async function measure(url) {
  let leastMs = Infinity;
  for (let trip = 0; trip < ROUND_TRIPS; trip++) {
    const startedMs = performance.now();
    if (!(await browserNetwork.reaches(url))) return null;
    if (trip > 0) leastMs = Math.min(leastMs, performance.now() - startedMs);
  }
  return Math.round(leastMs);
}

/** @type {Readonly<Network>} */
export const browserNetwork = Object.freeze({
  watch(listener) {
    const online = () => listener(true);
    const offline = () => listener(false);
    addEventListener("online", online);
    addEventListener("offline", offline);
    return () => {
      removeEventListener("online", online);
      removeEventListener("offline", offline);
    };
  },
  async reaches(url) {
    try {
      // no-cors: an answer that scripts may not read is an answer.
      const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
      await fetch(new URL("/", url), { mode: "no-cors", method: "HEAD", cache: "no-store", credentials: "omit", signal });
      return true;
    } catch {
      return false;
    }
  },
  roundTripMs(url) {
    const measuring = measured.get(url) ?? measure(url);
    measured.set(url, measuring);
    return measuring;
  },
});
