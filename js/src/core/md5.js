/**
 * MD5 (RFC 1321), for stores that know no CRC: browsers' WebCrypto has none. It finds damage on the
 * way, and protects from no attacker.
 */

/** Per round of 16 steps. */
const ROTATIONS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]].flatMap((four) => [
  ...four, ...four, ...four, ...four,
]);
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32));
const BLOCK_BYTES = 64;

export class RunningMd5 {
  #state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  #length = 0;
  /** What does not fill a block yet. */
  #rest = new Uint8Array(0);

  /** @param {Uint8Array<ArrayBuffer>} bytes @returns {this} */
  update(bytes) {
    this.#length += bytes.length;
    let unread = bytes;
    if (this.#rest.length > 0 || bytes.byteOffset % 4 > 0) {
      unread = new Uint8Array(this.#rest.length + bytes.length);
      unread.set(this.#rest);
      unread.set(bytes, this.#rest.length);
    }
    const blockCount = Math.floor(unread.length / BLOCK_BYTES);
    mixIn(this.#state, new Int32Array(unread.buffer, unread.byteOffset, blockCount * 16));
    this.#rest = unread.slice(blockCount * BLOCK_BYTES);
    return this;
  }

  /** @returns {string} 32 hexadecimal digits; nothing can be added afterwards */
  get hex() {
    const bits = BigInt(this.#length) * 8n;
    const padding = new Uint8Array(BLOCK_BYTES - ((this.#length + 8) % BLOCK_BYTES) + 8);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, bits, true);
    this.update(padding);
    return Array.from(new Uint8Array(this.#state.buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

/** @param {Int32Array} state @param {Int32Array} words a multiple of 16 */
function mixIn(state, words) {
  let [a0, b0, c0, d0] = /** @type {[number, number, number, number]} */ ([...state]);
  for (let start = 0; start < words.length; start += 16) {
    let [a, b, c, d] = [a0, b0, c0, d0];
    for (let i = 0; i < 64; i++) {
      let mixed;
      let index;
      if (i < 16) {
        mixed = (b & c) | (~b & d);
        index = i;
      } else if (i < 32) {
        mixed = (d & b) | (~d & c);
        index = (5 * i + 1) & 15;
      } else if (i < 48) {
        mixed = b ^ c ^ d;
        index = (3 * i + 5) & 15;
      } else {
        mixed = c ^ (b | ~d);
        index = (7 * i) & 15;
      }
      const sum = (a + mixed + /** @type {number} */ (SINES[i]) + /** @type {number} */ (words[start + index])) | 0;
      const rotation = /** @type {number} */ (ROTATIONS[i]);
      a = d;
      d = c;
      c = b;
      b = (b + ((sum << rotation) | (sum >>> (32 - rotation)))) | 0;
    }
    a0 = (a0 + a) | 0;
    b0 = (b0 + b) | 0;
    c0 = (c0 + c) | 0;
    d0 = (d0 + d) | 0;
  }
  state.set([a0, b0, c0, d0]);
}
