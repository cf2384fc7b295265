/**
 * Asks the portal how far it is with the files that it takes over, as long as someone looks at the page:
 * soon at first, then less and less often.
 */

const FIRST_PAUSE_MS = 4_000;
const LONGEST_PAUSE_MS = 30_000;
const GROWTH = 1.5;

export class TakeoverWatch {
  #ask;
  #clock;
  #page;
  #pauseMs = FIRST_PAUSE_MS;
  /** @type {"off" | "waiting" | "asking"} */
  #state = "off";
  /** @type {unknown} */
  #timer;

  /**
   * @param {() => Promise<boolean>} ask whether there is still something to wait for; where it rejects, it
   *   is asked another time
   * @param {import("../core/clock.js").Clock} clock
   * @param {Pick<Document, "hidden" | "addEventListener">} page
   */
  constructor(ask, clock, page) {
    this.#ask = ask;
    this.#clock = clock;
    this.#page = page;
    page.addEventListener("visibilitychange", () => this.#onVisibility());
  }

  /** From here on there is something to wait for. Again: no change. */
  begin() {
    if (this.#state !== "off") return;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#wait();
  }

  #wait() {
    this.#state = "waiting";
    // Nothing is asked while the page is hidden; #onVisibility asks when it is shown again.
    if (!this.#page.hidden) this.#timer = this.#clock.setTimer(() => this.#askNow(), this.#pauseMs);
  }

  #onVisibility() {
    if (this.#state !== "waiting") return;
    this.#clock.clearTimer(this.#timer);
    this.#pauseMs = FIRST_PAUSE_MS;
    if (!this.#page.hidden) this.#askNow();
  }

  async #askNow() {
    this.#state = "asking";
    let goesOn = true;
    try {
      goesOn = await this.#ask();
    } catch (error) {
      console.warn("s3portal: how far the portal is with taking files over is asked again later", error);
    }
    this.#state = "off";
    if (!goesOn) return;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * GROWTH);
    this.#wait();
  }
}
