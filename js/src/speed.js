/**
 * How fast an upload is, and how long the rest will take.
 *
 * An exponentially weighted mean over time: a burst or a hiccup of a second moves it little, a new
 * speed is believed within some ten seconds. Time spent paused does not count.
 */

/** The weight of what was measured falls to 1/e in this time. */
const MEMORY_MS = 8_000;
/** Shorter intervals are joined: XHR reports in bursts. */
const SHORTEST_INTERVAL_MS = 250;
/** Before this much was measured an estimate would be a guess, and jump. */
const TRUSTED_AFTER_MS = 1_500;

export class SpeedEstimate {
  /** @type {{atMs: number, loaded: number} | null} */
  #last = null;
  #bytesPerMs = 0;
  #measuredMs = 0;

  /**
   * @param {number} nowMs from a clock that never goes back
   * @param {number} loaded bytes, never less than before
   */
  sample(nowMs, loaded) {
    if (this.#last === null) {
      this.#last = { atMs: nowMs, loaded };
      return;
    }
    const elapsedMs = nowMs - this.#last.atMs;
    if (elapsedMs < SHORTEST_INTERVAL_MS) return;
    const measured = (loaded - this.#last.loaded) / elapsedMs;
    // Weighted by what was measured so far, so that the first intervals are a plain mean.
    const memoryMs = Math.min(MEMORY_MS, this.#measuredMs);
    const weight = memoryMs === 0 ? 1 : 1 - Math.exp(-elapsedMs / memoryMs);
    this.#bytesPerMs += weight * (measured - this.#bytesPerMs);
    this.#measuredMs += elapsedMs;
    this.#last = { atMs: nowMs, loaded };
  }

  /** Nothing is being sent from here on; the next sample starts a new interval. */
  rest() {
    this.#last = null;
  }

  /** @returns {number | null} null while too little was measured */
  get bytesPerSecond() {
    return this.#measuredMs < TRUSTED_AFTER_MS ? null : this.#bytesPerMs * 1000;
  }

  /**
   * @param {number} bytesLeft
   * @returns {number | null} seconds; null while unknown
   */
  secondsLeft(bytesLeft) {
    const speed = this.bytesPerSecond;
    return speed === null || speed < 1 ? null : bytesLeft / speed;
  }
}
