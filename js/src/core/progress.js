/**
 * How much of the file is stored or on its way, as one number that never goes back while it counts.
 *
 * A part that fails takes its bytes away again; the publisher's bar then waits until the part has
 * caught up instead of jumping back.
 */
export class ProgressLedger {
  #storedBytes = 0;
  /** Bytes sent of the parts in flight, by part number. @type {Map<number, number>} */
  #inFlight = new Map();
  #shown = 0;

  /** @param {number} partNumber @param {number} bytes sent of this part so far */
  sent(partNumber, bytes) {
    this.#inFlight.set(partNumber, bytes);
  }

  /** @param {number} partNumber @param {number} bytes the part's length */
  stored(partNumber, bytes) {
    this.#inFlight.delete(partNumber);
    this.#storedBytes += bytes;
  }

  /** A part in flight failed or was stopped. @param {number} partNumber */
  dropped(partNumber) {
    this.#inFlight.delete(partNumber);
  }

  /** A part that was stored is gone. @param {number} bytes the part's length */
  lost(bytes) {
    this.#storedBytes -= bytes;
  }

  /** Tells what is stored and no more, from here on: the upload has come to a stop. */
  settle() {
    this.#inFlight.clear();
    this.#shown = this.#storedBytes;
  }

  /** @returns {number} bytes; never less than it answered before */
  get loaded() {
    let loaded = this.#storedBytes;
    for (const bytes of this.#inFlight.values()) loaded += bytes;
    this.#shown = Math.max(this.#shown, loaded);
    return this.#shown;
  }
}
