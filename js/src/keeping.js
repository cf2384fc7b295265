/**
 * What this browser remembers of an upload while it runs: that this tab sends it, and where its file is.
 */

import { forgetHandle, keepHandle } from "./kept-files.js";
import { holdUpload, letGoOfUpload } from "./other-tabs.js";

/**
 * @param {import("./upload.js").MultipartUpload} upload
 * @param {FileSystemFileHandle | null} handle
 */
export function keepWhileItLasts(upload, handle) {
  let kept = "";
  upload.addEventListener("statechange", () => {
    const id = upload.upload?.id ?? "";
    if (upload.state === "complete" || upload.state === "aborted") {
      forgetHandle(id);
      // What is complete stays with this tab's form until it is saved.
      if (upload.state === "aborted") letGoOfUpload(id);
    } else if (id !== kept) {
      kept = id;
      holdUpload(id);
      if (handle) keepHandle(id, handle);
    }
  });
}
