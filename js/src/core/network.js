/**
 * Whether this computer has a connection, as far as a browser knows.
 *
 * @typedef {object} Network
 * @property {(listener: (online: boolean) => void) => () => void} watch answers the way to stop watching
 * @property {(url: string) => Promise<boolean>} reaches whether anything answers there, whatever it says
 */

import { wait } from "./clock.js";

/** How long to wait for an answer of which nothing is read. */
const ANSWER_TIMEOUT_MS = 15_000;
/** How long to wait between two looks for the network, where no event tells that it is back. */
const LOOK_AGAIN_MS = 15_000;

/**
 * Some computers never tell that the network is back.
 *
 * @param {() => Promise<boolean>} isReached
 * @param {import("./clock.js").Clock} clock
 * @param {AbortSignal} signal
 * @returns {Promise<void>} when it is; rejects with the signal's reason
 */
export async function whenReachable(isReached, clock, signal) {
  do await wait(LOOK_AGAIN_MS, clock, signal);
  while (!(await isReached()));
  signal.throwIfAborted();
}

/** @type {Readonly<Network>} */
export const browserNetwork = {
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
      await fetch(url, { mode: "no-cors", method: "HEAD", cache: "no-store", credentials: "omit", signal });
      return true;
    } catch {
      return false;
    }
  },
};
