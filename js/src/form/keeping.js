/**
 * What this browser remembers of an upload while it runs: that this tab sends it, and where its file is.
 */

import { UploadError } from "../core/errors.js";
import { forgetHandle, keepHandle } from "./kept-files.js";
import { claimFile, holdUpload, letGoOfUpload } from "./other-tabs.js";

/** What keeps other tabs from uploading the same file to the same place. */
export class FileClaim {
  #place;
  /** @type {(() => void) | null} */
  #giveBack = null;
  #wasRefused = false;

  /** @param {string} place */
  constructor(place) {
    this.#place = place;
  }

  /**
   * @param {{filename: string, fingerprint?: string}} file
   * @returns {Promise<boolean>} another tab had it before
   * @throws {UploadError} `in_other_tab`
   */
  async takeFor(file) {
    this.#giveBack ??= await claimFile(this.#place, file);
    if (this.#giveBack) return this.#wasRefused;
    this.#wasRefused = true;
    throw new UploadError("in_other_tab", "", { status: 409 });
  }

  giveBack() {
    this.#giveBack?.();
    this.#giveBack = null;
  }
}

/** By the id of the upload. @type {Map<string, FileClaim>} */
const claims = new Map();

/** Other tabs may have the upload and its file. @param {string} uploadId */
export function letGoOf(uploadId) {
  letGoOfUpload(uploadId);
  claims.get(uploadId)?.giveBack();
  claims.delete(uploadId);
}

/**
 * @param {import("../core/upload.js").MultipartUpload} upload
 * @param {FileSystemFileHandle | null} handle
 * @param {FileClaim} claim
 */
export function keepWhileItLasts(upload, handle, claim) {
  let kept = "";
  upload.addEventListener("statechange", () => {
    const id = upload.upload?.id ?? "";
    if (upload.state === "complete" || upload.state === "aborted") {
      forgetHandle(id);
      // What is complete stays with this tab's form until it is saved.
      if (upload.state !== "aborted") return;
      letGoOf(id);
      // Also where the portal never took it.
      claim.giveBack();
    } else if (id !== kept) {
      kept = id;
      claims.set(id, claim);
      holdUpload(id);
      if (handle) keepHandle(id, handle);
    }
  });
}
