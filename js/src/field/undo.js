/**
 * Giving something up that took hours takes one click: so for a while it is only hidden, and can be had back.
 */

/** As long as WCAG 2.2.1 wants people to have for reacting to something that passes. */
const UNDO_MS = 20_000;

export class Undo {
  #commit;
  #timer;
  #clock;

  /**
   * @param {() => void} commit does what cannot be undone; called once, unless it is undone before
   * @param {import("../core/clock.js").Clock} clock
   */
  constructor(commit, clock) {
    this.#commit = commit;
    this.#clock = clock;
    this.#timer = clock.setTimer(() => this.commit(), UNDO_MS);
  }

  /** Does it now: the button can no longer be pressed. */
  commit() {
    this.#clock.clearTimer(this.#timer);
    const commit = this.#commit;
    this.#commit = () => {};
    commit();
  }

  undo() {
    this.#clock.clearTimer(this.#timer);
    this.#commit = () => {};
  }
}
