/**
 * Which parts wait, which are being sent, which are stored. Knows nothing of bytes or requests.
 */
export class PartQueue {
  #partCount;
  /** The first part that was never taken. */
  #next;
  /** Parts that were taken and came back; sent before new ones. @type {number[]} */
  #returned = [];
  /** @type {Set<number>} */
  #stored;

  /** @param {number} partCount @param {Iterable<number>} [stored] parts that are at the store already */
  constructor(partCount, stored = []) {
    this.#partCount = partCount;
    this.#stored = new Set(stored);
    this.#next = this.#notStoredFrom(1);
  }

  /** @returns {number | null} the part to send now, or null where none waits */
  take() {
    const returned = this.#returned.shift();
    if (returned !== undefined) return returned;
    if (this.#next > this.#partCount) return null;
    const taken = this.#next;
    this.#next = this.#notStoredFrom(taken + 1);
    return taken;
  }

  /** Gives back a part that was taken, or that turned out to be missing. @param {number} partNumber */
  putBack(partNumber) {
    this.#stored.delete(partNumber);
    if (partNumber < this.#next && !this.#returned.includes(partNumber)) {
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
   * @param {number} count the most to take
   * @returns {number[]}
   */
  upcoming(count) {
    const partNumbers = this.#returned.slice(0, count);
    let next = this.#next;
    for (; next <= this.#partCount && partNumbers.length < count; next = this.#notStoredFrom(next + 1)) {
      partNumbers.push(next);
    }
    return partNumbers;
  }

  /** @returns {number} */
  get storedCount() {
    return this.#stored.size;
  }

  /** @param {number} partNumber @returns {number} the first part from there on that was not stored; behind the last where none */
  #notStoredFrom(partNumber) {
    while (this.#stored.has(partNumber)) partNumber += 1;
    return partNumber;
  }
}
