/**
 * An upload that was complete before this page was loaded: the form came back from the portal with
 * something to correct, and the file is there already. It can only be thrown away.
 */

import { requireTransition } from "../core/states.js";

export class StoredUpload extends EventTarget {
  /** @type {import("../core/states.js").State} */
  state = "complete";
  error = null;
  #adapter;

  /**
   * @param {import("../core/portal-calls.js").PortalUpload} upload
   * @param {import("../core/portal-calls.js").Adapter} adapter
   */
  constructor(upload, adapter) {
    super();
    this.upload = upload;
    this.file = { name: upload.filename, size: upload.size };
    this.progress = { loaded: upload.size, total: upload.size, bytesPerSecond: null, eta: null };
    this.#adapter = adapter;
  }

  pause() {
    requireTransition(this.state, "paused");
  }

  resume() {
    requireTransition(this.state, "uploading");
  }

  async cancel() {
    this.#enter("aborting");
    // Where the portal cannot be told, its janitor removes what was never saved with a form.
    await this.#adapter.abort(this.upload.id).catch(() => {});
    this.#enter("aborted");
  }

  /** @param {import("../core/states.js").State} to */
  #enter(to) {
    const from = this.state;
    requireTransition(from, to);
    this.state = to;
    this.dispatchEvent(new CustomEvent("statechange", { detail: { from, to } }));
  }
}
