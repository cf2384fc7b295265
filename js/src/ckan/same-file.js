/**
 * Whether a file that is being uploaded is published already in the place that it goes to. That is said, and not
 * forbidden: the same file may belong to two resources.
 */

import { fill } from "../field/sentences.js";
import { safeFilename } from "../field/safe-filename.js";

/** @typedef {import("../field/file-row.js").FileRow} FileRow */
/** @typedef {import("../core/portal-calls.js").PublishedFile} PublishedFile */

/** What was asked for several files chosen at once, and may be different for the next. */
const FRESH_MS = 10_000;

export class SameFile {
  #field;
  #files;
  #texts;
  #resourceUrl;
  /** @type {Promise<PublishedFile[]>} */
  #listed = Promise.resolve([]);
  #listedAtMs = -Infinity;
  /** @type {WeakSet<FileRow>} */
  #watched = new WeakSet();

  /**
   * @param {import("../field/field.js").UploadField} field
   * @param {object} needs
   * @param {() => Promise<PublishedFile[]>} needs.files
   * @param {import("../field/sentences.js").Texts} needs.texts
   * @param {string} needs.resourceUrl with RESOURCE in place of the id
   */
  constructor(field, { files, texts, resourceUrl }) {
    this.#field = field;
    this.#files = files;
    this.#texts = texts;
    this.#resourceUrl = resourceUrl;
    field.addEventListener("change", () => {
      for (const row of field.rows) this.#watch(row);
    });
  }

  /** @param {FileRow} row */
  #watch(row) {
    if (this.#watched.has(row)) return;
    this.#watched.add(row);
    this.#look(row);
    row.upload.addEventListener("statechange", () => this.#look(row));
  }

  /** Once when the portal knows the file, and once more when its checksum is known. @param {FileRow} row */
  async #look({ upload, parts }) {
    const shown = upload.upload;
    if (!shown || !["uploading", "complete"].includes(upload.state) || !parts.same.hidden) return;
    const published = (await this.#list()).find((file) => isSame(file, shown));
    if (!published || !parts.same.hidden) return;
    parts.same.hidden = false;
    const name = safeFilename(published.filename);
    parts["same-text"].textContent = fill(this.#texts["same_file"], { name });
    parts["same-link"].textContent = this.#texts["same_file_link"] ?? "";
    parts["same-link"].href = this.#resourceUrl.replace("RESOURCE", published.resource);
    parts["same-link"].setAttribute("aria-describedby", parts.name.id);
    this.#field.announce(`${safeFilename(upload.file.name)}: ${parts["same-text"].textContent}`);
  }

  #list() {
    const nowMs = performance.now();
    if (nowMs - this.#listedAtMs < FRESH_MS) return this.#listed;
    this.#listedAtMs = nowMs;
    this.#listed = this.#files().catch((error) => {
      // The form works without.
      console.info("s3portal: the published files cannot be listed", error);
      return [];
    });
    return this.#listed;
  }
}

/**
 * @param {PublishedFile} file
 * @param {Partial<import("../core/portal-calls.js").PortalUpload>} upload
 * @returns {boolean}
 */
export function isSame(file, { size, fingerprint, checksum }) {
  if (file.size !== size) return false;
  if (file.fingerprint && file.fingerprint === fingerprint) return true;
  return Boolean(checksum && file.checksum?.algorithm === checksum.algorithm && file.checksum.value === checksum.value);
}
