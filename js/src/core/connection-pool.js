/**
 * The connections that all uploads of a page share: first come, first served, so that a
 * small file does not wait until a huge one beside it is done.
 */
export class ConnectionPool {
  #free;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {number} [size] requests at a time; browsers open six connections to a host over HTTP/1.1 */
  constructor(size = 4) {
    this.#free = size;
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<() => void>} a connection, and the way to give it back; rejects with the signal's reason
   */
  take(signal) {
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener("abort", leave);
        resolve(() => this.#giveBack());
      };
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== begin);
        reject(signal.reason);
      };
      if (signal.aborted) {
        reject(signal.reason);
      } else if (this.#free > 0) {
        this.#free -= 1;
        begin();
      } else {
        this.#waiting.push(begin);
        signal.addEventListener("abort", leave, { once: true });
      }
    });
  }

  #giveBack() {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
