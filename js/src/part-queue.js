/**
 * Which parts wait, which are being sent, which are stored. Knows nothing of bytes or requests.
 */
export class PartQueue {
  #partCount;
  /** The first part that was never taken. */
  #next = 1;
  /** Parts that were taken and came back; sent before new ones. @type {number[]} */
  #returned = [];
  /** @type {Set<number>} */
  #stored = new Set();

  /** @param {number} partCount */
  constructor(partCount) {
    this.#partCount = partCount;
  }

  /** @returns {number | null} the part to send now, or null where none waits */
  take() {
    const returned = this.#returned.shift();
    if (returned !== undefined) return returned;
    return this.#next <= this.#partCount ? this.#next++ : null;
  }

  /** Gives back a part that was taken, or that turned out to be missing. @param {number} partNumber */
  putBack(partNumber) {
    this.#stored.delete(partNumber);
    if (!this.#returned.includes(partNumber)) {
      this.#returned.push(partNumber);
      this.#returned.sort((a, b) => a - b);
    }
  }

  /** @param {number} partNumber */
  markStored(partNumber) {
    this.#stored.add(partNumber);
  }

  /**
   * The parts that will be taken next, in their order.
   *
   * @param {number} count at most so many
   * @returns {number[]}
   */
  upcoming(count) {
    const partNumbers = this.#returned.slice(0, count);
    for (let n = this.#next; n <= this.#partCount && partNumbers.length < count; n++) partNumbers.push(n);
    return partNumbers;
  }

  /** @returns {number} */
  get storedCount() {
    return this.#stored.size;
  }

  /** @returns {number} parts that nobody has taken */
  get waitingCount() {
    return this.#returned.length + this.#partCount - this.#next + 1;
  }
}
