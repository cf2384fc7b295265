/**
 * What screen readers are told. A live region that is rewritten before it was read out is never
 * heard, so sentences keep a distance: answers and outcomes wait for each other and none is lost;
 * progress gives way to them.
 */

/** So long a sentence stands before the next takes its place: a page may change faster than it is looked at. */
const STANDS_MS = 1_000;
/** So long nothing is said of progress after any sentence: about as long as hearing one takes. */
const UNDISTURBED_MS = 5_000;
/** What is written a second time is not heard a second time, unless something about it is new. */
const NEW_AGAIN = "\u00a0";

export class Announcer {
  #write;
  #clock;
  #written = "";
  #writtenAtMs = -Infinity;
  #toldAtMs = -Infinity;
  /** @type {string[]} */
  #waiting = [];

  /**
   * @param {(text: string) => void} write writes into the live region
   * @param {import("../core/clock.js").Clock} clock
   */
  constructor(write, clock) {
    this.#write = write;
    this.#clock = clock;
  }

  /**
   * An answer to what the publisher did, or how something came out. Said at once, over progress; after
   * another one in a moment, together with everything that came in between.
   *
   * @param {string} sentence
   */
  tell(sentence) {
    this.#waiting.push(sentence);
    if (this.#waiting.length > 1) return;
    const waitMs = this.#toldAtMs + STANDS_MS - this.#clock.now();
    if (waitMs <= 0) this.#tellWaiting();
    else this.#clock.setTimer(() => this.#tellWaiting(), waitMs);
  }

  /**
   * How far something is. If it would disturb, it is held back and said later with new figures: it will be
   * further then.
   *
   * @param {string} sentence
   * @returns {boolean} it was said
   */
  tellProgress(sentence) {
    if (this.#waiting.length > 0 || this.#clock.now() < this.#writtenAtMs + UNDISTURBED_MS) return false;
    this.#say(sentence);
    return true;
  }

  #tellWaiting() {
    this.#say(this.#waiting.splice(0).join("\n"));
    this.#toldAtMs = this.#writtenAtMs;
  }

  /** @param {string} text */
  #say(text) {
    this.#written = text === this.#written ? text + NEW_AGAIN : text;
    this.#writtenAtMs = this.#clock.now();
    this.#write(this.#written);
  }
}
