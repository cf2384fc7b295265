/**
 * The uploader on the console's page for uploads: each file is an object as soon as it is stored, and nothing has to
 * be saved.
 */

import { jsonAdapter, pageCsrfToken } from "../core/json-adapter.js";
import { numberWords } from "../field/number-words.js";
import { wouldLose } from "../field/totals.js";
import { joinUploads } from "../form/form-uploads.js";
import { letGoOf } from "../form/keeping.js";
import { guardLeaving } from "../form/leave-guard.js";

/** Files on one page: what waits shows, and pauses when the page is left. */
const MOST_FILES = 200;

/**
 * @param {HTMLElement} root the outermost element of templates/s3portal/uploader.html
 * @param {{upload?: import("../core/upload-options.js").UploadOptions}} [options] for tests
 * @returns {import("../field/field.js").UploadField}
 */
export function mount(root, options = {}) {
  const form = /** @type {HTMLFormElement} */ (root.closest("form"));
  const { texts: textsJson = "{}", api = "", locale = "" } = root.dataset;
  /** @type {import("../field/sentences.js").Texts} */
  const texts = JSON.parse(textsJson);
  const prefix = new URLSearchParams(globalThis.location.search).get("prefix") ?? "";
  const query = `?${new URLSearchParams({ prefix })}`;
  const adapter = jsonAdapter({ api, query, headers: () => ({ "X-CSRF-Token": pageCsrfToken() }) });
  const { field, begin } = joinUploads(root, {
    ...{ adapter, texts, words: numberWords(locale), capacity: MOST_FILES },
    upload: options.upload ?? {},
  });
  field.parts.invitation.textContent = texts["invitation"] ?? "";
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("change", () => {
    // What is stored is an object already: another upload of the same file is a new one.
    for (const { state, upload } of field.uploads) if (state === "complete" && upload) letGoOf(upload.id);
  });
  guardLeaving(form, { wouldLose: () => wouldLose(field.uploads.filter(({ state }) => state !== "complete")) });
  root.hidden = false;
  begin();
  return field;
}
