/**
 * Computes checksums of parts in a thread of its own, a stretch of a file at a time.
 *
 * Takes `{id, algorithm, blob}`, answers `{id, hex}`; `hex` is null where the blob cannot be read.
 */

import { RunningCrc, isCrc } from "./crc.js";
import { RunningMd5 } from "./md5.js";

/** So much of a file is in memory at a time. */
const STRETCH_BYTES = 1024 * 1024;

addEventListener("message", ({ data: { id, algorithm, blob } }) => {
  postMessage({ id, hex: checksumOf(algorithm, blob) });
});

/** @param {string} algorithm @param {Blob} blob @returns {string | null} */
function checksumOf(algorithm, blob) {
  const running = isCrc(algorithm) ? new RunningCrc(algorithm) : new RunningMd5();
  // @ts-ignore: workers alone have it, and these types are a page's
  const reader = new FileReaderSync();
  try {
    for (let start = 0; start < blob.size; start += STRETCH_BYTES) {
      running.update(new Uint8Array(reader.readAsArrayBuffer(blob.slice(start, start + STRETCH_BYTES))));
    }
  } catch {
    return null;
  }
  return running.hex;
}
