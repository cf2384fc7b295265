/**
 * Whether this computer has a connection, as far as a browser knows.
 *
 * @typedef {object} Network
 * @property {(listener: (online: boolean) => void) => () => void} watch answers the way to stop watching
 * @property {(url: string) => Promise<boolean>} reaches whether anything answers there, whatever it says
 */

import { wait } from "./clock.js";

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
      await fetch(new URL("/", url), { mode: "no-cors", cache: "no-store", credentials: "omit" });
      return true;
    } catch {
      return false;
    }
  },
});
