/**
 * The CRCs that S3 computes: CRC64NVME and CRC32C, eight bytes a step, and the CRC of a whole from
 * those of its pieces.
 *
 * A CRC of 32 bits is computed as one of 64 whose upper half stays zero: the same lines, the same
 * speed (some 1,100 MB a second and core), and no number type slower than int32.
 */

/** @typedef {"CRC64NVME" | "CRC32C"} CrcAlgorithm */

/** Reflected polynomials (NVM Express 1.4, 5.2.1.3.4; RFC 3720, 12.1). */
const POLYNOMIALS = {
  CRC64NVME: { bits: 64, polynomial: 0x9a6c9329ac4bc9b5n },
  CRC32C: { bits: 32, polynomial: 0x82f63b78n },
};

/** @typedef {{low: Int32Array, high: Int32Array}} Tables entry 256 k + b: byte b, k bytes before the end */
/** @type {Map<CrcAlgorithm, Tables>} */
const tablesMade = new Map();

/** @param {string | null | undefined} name @returns {name is CrcAlgorithm} */
export function isCrc(name) {
  return name === "CRC64NVME" || name === "CRC32C";
}

/** The CRC of bytes that come piece by piece. */
export class RunningCrc {
  #tables;
  #bits;
  #low = -1;
  #high;

  /** @param {CrcAlgorithm} algorithm */
  constructor(algorithm) {
    this.#tables = tablesOf(algorithm);
    this.#bits = POLYNOMIALS[algorithm].bits;
    this.#high = this.#bits === 64 ? -1 : 0;
  }

  /** @param {Uint8Array<ArrayBuffer>} piece @returns {this} */
  update(piece) {
    const { low: L, high: H } = this.#tables;
    // Words begin at a multiple of four in their buffer.
    const bytes = piece.byteOffset % 4 > 0 ? piece.slice() : piece;
    // Every machine that runs a browser is little-endian.
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    const evenCount = words.length & ~1;
    let low = this.#low;
    let high = this.#high;
    for (let i = 0; i < evenCount; i += 2) {
      const a = /** @type {number} */ (words[i]) ^ low;
      const b = /** @type {number} */ (words[i + 1]) ^ high;
      const i7 = 1792 | (a & 255);
      const i6 = 1536 | ((a >>> 8) & 255);
      const i5 = 1280 | ((a >>> 16) & 255);
      const i4 = 1024 | (a >>> 24);
      const i3 = 768 | (b & 255);
      const i2 = 512 | ((b >>> 8) & 255);
      const i1 = 256 | ((b >>> 16) & 255);
      const i0 = b >>> 24;
      // @ts-ignore: the indices are below 2,048
      low = L[i7] ^ L[i6] ^ L[i5] ^ L[i4] ^ L[i3] ^ L[i2] ^ L[i1] ^ L[i0];
      // @ts-ignore: as above
      high = H[i7] ^ H[i6] ^ H[i5] ^ H[i4] ^ H[i3] ^ H[i2] ^ H[i1] ^ H[i0];
    }
    for (let i = evenCount * 4; i < bytes.length; i++) {
      const index = (low ^ /** @type {number} */ (bytes[i])) & 255;
      low = ((low >>> 8) | (high << 24)) ^ /** @type {number} */ (L[index]);
      high = (high >>> 8) ^ /** @type {number} */ (H[index]);
    }
    this.#low = low;
    this.#high = high;
    return this;
  }

  /** @returns {string} 8 or 16 hexadecimal digits */
  get hex() {
    const whole = [this.#high, this.#low].map((half) => (~half >>> 0).toString(16).padStart(8, "0"));
    return whole.join("").slice(-this.#bits / 4);
  }
}

/**
 * @param {CrcAlgorithm} algorithm
 * @param {string} first the CRC of some bytes, in hexadecimal digits
 * @param {string} second the CRC of the bytes that follow
 * @param {number} secondLength how many these are
 * @returns {string} the CRC of all of them
 */
export function joinCrcs(algorithm, first, second, secondLength) {
  const shifted = multiply(algorithm, BigInt(`0x${first}`), shiftBy(algorithm, secondLength));
  return (shifted ^ BigInt(`0x${second}`)).toString(16).padStart(second.length, "0");
}

/** @param {string} hex @returns {Uint8Array<ArrayBuffer>} */
export function bytesOfHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

/** How S3 writes digests. @param {string} hex @returns {string} */
export function base64OfHex(hex) {
  return btoa(String.fromCharCode(...bytesOfHex(hex)));
}

/** @param {CrcAlgorithm} algorithm @returns {Tables} */
function tablesOf(algorithm) {
  const made = tablesMade.get(algorithm);
  if (made) return made;
  const { polynomial } = POLYNOMIALS[algorithm];
  const low = new Int32Array(8 * 256);
  const high = new Int32Array(8 * 256);
  for (let index = 0; index < low.length; index++) {
    let crc = BigInt(index & 255);
    // One bit at a time, and for each further table one byte more.
    for (let bit = (index >> 8) * 8 + 8; bit > 0; bit--) crc = crc & 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
    low[index] = Number(BigInt.asIntN(32, crc));
    high[index] = Number(BigInt.asIntN(32, crc >> 32n));
  }
  tablesMade.set(algorithm, { low, high });
  return { low, high };
}

/**
 * Multiplies polynomials over GF(2), modulo the CRC's own; the highest power is the lowest bit.
 *
 * @param {CrcAlgorithm} algorithm
 * @param {bigint} a
 * @param {bigint} b
 * @returns {bigint}
 */
function multiply(algorithm, a, b) {
  const { bits, polynomial } = POLYNOMIALS[algorithm];
  let product = 0n;
  for (let mask = 1n << BigInt(bits - 1); mask > 0n; mask >>= 1n) {
    if (a & mask) product ^= b;
    b = b & 1n ? (b >> 1n) ^ polynomial : b >> 1n;
  }
  return product;
}

/** The parts of a file have two lengths, so nearly every shift was worked out before. @type {Map<string, bigint>} */
const shifts = new Map();

/**
 * x to the power of 8 times `length`: the factor for a CRC that this many bytes follow.
 *
 * @param {CrcAlgorithm} algorithm
 * @param {number} length bytes
 * @returns {bigint}
 */
function shiftBy(algorithm, length) {
  const name = `${algorithm} ${length}`;
  const known = shifts.get(name);
  if (known !== undefined) return known;
  const one = 1n << BigInt(POLYNOMIALS[algorithm].bits - 1);
  let power = one >> 8n;
  let shift = one;
  for (let left = BigInt(length); left > 0n; left >>= 1n) {
    if (left & 1n) shift = multiply(algorithm, shift, power);
    power = multiply(algorithm, power, power);
  }
  shifts.set(name, shift);
  return shift;
}
