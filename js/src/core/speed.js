/**
 * How fast an upload is, and how long the rest will take.
 *
 * An exponentially weighted mean over time: a burst or a hiccup of a second moves it little, a new
 * speed shows within some ten seconds. After a pause or a standstill it is measured again.
 */

/** The weight of what was measured falls to 1/e in this time. */
const MEMORY_MS = 8_000;
/** Shorter intervals are joined: XHR reports in bursts. */
const SHORTEST_INTERVAL_MS = 250;
/** Where nothing moves for so long, what was measured before says nothing of what comes. */
export const STANDSTILL_MS = 3_000;
/** Before this much was measured an estimate would be a guess, and jump. */
const TRUSTED_AFTER_MS = 1_500;

export class SpeedEstimate {
  /** @type {{atMs: number, loaded: number} | null} */
  #last = null;
  #movedAtMs = 0;
  #bytesPerMs = 0;
  #measuredMs = 0;

  /**
   * @param {number} nowMs from a clock that never goes back
   * @param {number} loaded bytes, never less than before
   */
  sample(nowMs, loaded) {
    const isNew = this.#last === null;
    this.#last ??= { atMs: nowMs, loaded };
    if (isNew || loaded > this.#last.loaded) this.#movedAtMs = nowMs;
    if (nowMs - this.#movedAtMs >= STANDSTILL_MS) this.#forget();
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

  /** Nothing is being sent from here on, and what comes after may be as fast as it will. */
  rest() {
    this.#last = null;
    this.#forget();
  }

  #forget() {
    this.#bytesPerMs = this.#measuredMs = 0;
  }

  /** @returns {number | null} null while too little was measured, or nothing moved */
  get bytesPerSecond() {
    return this.#measuredMs < TRUSTED_AFTER_MS ? null : this.#bytesPerMs * 1000 || null;
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
