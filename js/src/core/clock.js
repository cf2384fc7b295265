/**
 * Time, as one thing that tests can replace.
 *
 * @typedef {object} Clock
 * @property {() => number} now milliseconds, never going back
 * @property {() => number} today milliseconds since 1970
 * @property {(callback: () => void, delayMs: number) => unknown} setTimer
 * @property {(timer: any) => void} clearTimer
 */

/** @type {Readonly<Clock>} */
export const systemClock = {
  now: () => performance.now(),
  today: () => Date.now(),
  setTimer: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimer: (timer) => clearTimeout(timer),
};

/**
 * @param {number} delayMs
 * @param {Clock} clock
 * @param {AbortSignal} signal
 * @returns {Promise<void>} rejects with the signal's reason when it is aborted, at once
 */
export function wait(delayMs, clock, signal) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = () => {
      clock.clearTimer(timer);
      reject(signal.reason);
    };
    const timer = clock.setTimer(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, delayMs);
    signal.addEventListener("abort", stop, { once: true });
  });
}
