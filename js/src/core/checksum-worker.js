/**
 * Computes checksums in a thread of its own, a stretch of a file at a time.
 *
 * Takes `{id, algorithm, file, fileId, start, end}`, answers `{id, hex}`; `hex` is null where the stretch cannot be read.
 */

import { RunningCrc, isCrc } from "./crc.js";
import { readStretch } from "./file-reading.js";
import { RunningMd5 } from "./md5.js";

/** One stretch after the other: two at a time would take twice the memory and no less time. */
let before = Promise.resolve();

addEventListener("message", ({ data: { id, algorithm, ...stretch } }) => {
  before = before.then(async () => postMessage({ id, hex: await checksumOf(algorithm, stretch) }));
});

/**
 * @param {string} algorithm
 * @param {{file: Blob, fileId: number, start: number, end: number}} stretch
 * @returns {Promise<string | null>}
 */
async function checksumOf(algorithm, { file, fileId, start, end }) {
  const running = isCrc(algorithm) ? new RunningCrc(algorithm) : new RunningMd5();
  try {
    for await (const piece of readStretch(file, fileId, start, end)) running.update(piece);
  } catch {
    return null;
  }
  return running.hex;
}
