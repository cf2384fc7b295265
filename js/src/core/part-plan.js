/**
 * Which bytes of the file each part holds. Parts are numbered from 1, as S3 numbers them.
 *
 * The part size is the portal's decision and comes with the upload; nothing here chooses one.
 */

/**
 * @typedef {object} PartPlan
 * @property {number} size bytes of the whole file
 * @property {number} partSize bytes of every part but the last
 * @property {number} partCount at least 1: an empty file is one empty part
 */

/**
 * @param {number} size bytes of the file, 0 or more
 * @param {number} partSize bytes, 1 or more
 * @returns {PartPlan}
 * @throws {RangeError} for sizes that are no exact integers in that range
 */
export function planParts(size, partSize) {
  if (![size, partSize].every(Number.isSafeInteger) || size < 0 || partSize < 1) {
    throw new RangeError(`No plan for ${size} bytes in parts of ${partSize}.`);
  }
  return { size, partSize, partCount: Math.max(1, Math.ceil(size / partSize)) };
}

/**
 * @param {PartPlan} plan
 * @param {number} partNumber
 * @returns {{start: number, end: number}} byte offsets, end exclusive, as Blob.slice takes them
 * @throws {RangeError} for a part outside the plan
 */
export function partRange(plan, partNumber) {
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > plan.partCount) {
    throw new RangeError(`Part ${partNumber} is not one of 1 to ${plan.partCount}.`);
  }
  const start = (partNumber - 1) * plan.partSize;
  return { start, end: Math.min(start + plan.partSize, plan.size) };
}

/**
 * @param {PartPlan} plan
 * @param {number} partNumber
 * @returns {number} bytes
 */
export function partLength(plan, partNumber) {
  const { start, end } = partRange(plan, partNumber);
  return end - start;
}

/**
 * Reads the protocol's way of writing many part numbers.
 *
 * @param {string} text for example "1-3,5"; the empty text is no part at all
 * @returns {number[]} for example [1, 2, 3, 5]
 * @throws {SyntaxError} for anything else
 */
export function parsePartRanges(text) {
  /** @type {number[]} */
  const partNumbers = [];
  for (const range of text ? text.split(",") : []) {
    const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(range);
    if (!match) throw new SyntaxError(`"${range}" is no range of part numbers.`);
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    for (let partNumber = first; partNumber <= last; partNumber++) partNumbers.push(partNumber);
  }
  return partNumbers;
}
