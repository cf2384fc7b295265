/**
 * Keeps the computer awake while something is being uploaded: one that sleeps sends nothing.
 *
 * Browsers give the lock to visible pages over HTTPS, and take it away when the page is hidden. Without
 * it everything works, as long as the lid stays open.
 */

export class WakeLock {
  #page;
  #wanted = false;
  /** @type {Promise<WakeLockSentinel | null> | null} */
  #held = null;

  /** @param {Document} page */
  constructor(page) {
    this.#page = page;
    page.addEventListener("visibilitychange", () => {
      if (page.visibilityState !== "visible" || !this.#wanted) return;
      this.#held = null;
      this.want(true);
    });
  }

  /** @param {boolean} wanted */
  want(wanted) {
    this.#wanted = wanted;
    const { wakeLock } = this.#page.defaultView?.navigator ?? navigator;
    if (wanted && wakeLock && this.#page.visibilityState === "visible") {
      // Refused where the battery is low: then the computer decides.
      this.#held ??= wakeLock.request("screen").catch(() => null);
    } else if (!wanted && this.#held) {
      this.#held.then((lock) => lock?.release());
      this.#held = null;
    }
  }
}
