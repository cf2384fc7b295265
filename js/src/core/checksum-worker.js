/**
 * Computes checksums in a thread of its own, a stretch of a file at a time.
 *
 * Takes `[algorithm, file, fileId, start, end]`, answers with the digits, or null where the stretch cannot be read, in
 * the order of the questions. On the way it says 0 now and then, so that silence means that it is stuck.
 */

import { RunningCrc, isCrc } from "./crc.js";
import { readStretch } from "./file-reading.js";
import { RunningMd5 } from "./md5.js";

/** One stretch after the other: two at a time would take twice the memory and no less time. */
let before = Promise.resolve();

addEventListener("message", ({ data: [algorithm, ...stretch] }) => {
  before = before.then(async () => postMessage(await checksumOf(algorithm, stretch)));
});

/**
 * @param {string} algorithm
 * @param {Parameters<typeof readStretch>} stretch
 * @returns {Promise<string | null>}
 */
async function checksumOf(algorithm, stretch) {
  const running = isCrc(algorithm) ? new RunningCrc(algorithm) : new RunningMd5();
  try {
    for await (const piece of readStretch(...stretch)) {
      running.update(piece);
      postMessage(0);
    }
  } catch {
    return null;
  }
  return running.hex;
}
