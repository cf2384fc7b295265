/**
 * By what a file is known again when the publisher picks it another time: size, last change, and
 * the CRC of samples from everywhere in it. The name is compared, too; the upload has it anyway.
 *
 * Programs may write the same fingerprint (docs/http-api.md), so that either resumes where the
 * other stopped.
 */

import { RunningCrc } from "./crc.js";
import { UploadError } from "./errors.js";

const SAMPLE_COUNT = 16;
const SAMPLE_BYTES = 65_536;

/**
 * @typedef {object} Difference what is not as it was in the file that the upload was begun with
 * @property {"name" | "size" | "modified" | "content"} reason the first one found, in this order
 * @property {string | number | null} expected name, bytes, or milliseconds since 1970; null for content
 * @property {string | number | null} given the same of the file that was picked
 */

/**
 * @param {Blob & {readonly lastModified: number}} file
 * @returns {Promise<string>} "<size>/<last modified, ms since 1970>/<CRC64NVME of the samples, hex>"
 * @throws {UploadError} `file_unreadable`
 */
export async function fingerprint(file) {
  return `${file.size}/${file.lastModified}/${await sampleCrc(file)}`;
}

/**
 * Whether a file is the one that an unfinished upload was begun with.
 *
 * An upload of another client may have a fingerprint of another kind; then name and size decide.
 *
 * @param {File} file
 * @param {{readonly filename: string, readonly size: number, readonly fingerprint?: string}} upload
 * @returns {Promise<Difference | null>} null: it is the same
 * @throws {UploadError} `file_unreadable`
 */
export async function differs(file, upload) {
  const [, , modified, samples] = /^(\d+)\/(\d+)\/([0-9a-f]{16})$/.exec(upload.fingerprint ?? "") ?? [];
  // The same name may come decomposed from one computer and composed from another.
  if (file.name.normalize() !== upload.filename.normalize()) {
    return { reason: "name", expected: upload.filename, given: file.name };
  }
  if (file.size !== upload.size) return { reason: "size", expected: upload.size, given: file.size };
  if (samples === undefined) return null;
  if (file.lastModified !== Number(modified)) {
    return { reason: "modified", expected: Number(modified), given: file.lastModified };
  }
  return (await sampleCrc(file)) === samples ? null : { reason: "content", expected: null, given: null };
}

/**
 * @param {Blob} file
 * @returns {Promise<string>} 16 hexadecimal digits
 */
async function sampleCrc(file) {
  const samples = new Blob(sampleOffsets(file.size).map((start) => file.slice(start, start + SAMPLE_BYTES)));
  try {
    const bytes = new Uint8Array(await samples.arrayBuffer());
    return new RunningCrc("CRC64NVME").update(bytes).hex;
  } catch (cause) {
    throw new UploadError("file_unreadable", "cannot be read", { cause });
  }
}

/**
 * @param {number} size bytes
 * @returns {number[]} where the samples begin: from the first byte on, evenly, up to the last; all of a small file
 */
export function sampleOffsets(size) {
  const count = Math.min(SAMPLE_COUNT, Math.ceil(size / SAMPLE_BYTES));
  if (count * SAMPLE_BYTES >= size) return Array.from({ length: count }, (_, i) => i * SAMPLE_BYTES);
  return Array.from({ length: count }, (_, i) => Math.floor((i * (size - SAMPLE_BYTES)) / (count - 1)));
}

/**
 * 128 random bits; `crypto.randomUUID` exists on pages over https alone.
 *
 * @returns {string} 32 hexadecimal digits
 */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
