/**
 * The uploader in Indico's dialog for materials: the entry that the dialog imports.
 *
 * Joins the field, the adapter, saving that waits for the file, the warning before the page is left, and
 * the end of the dialog, after which its upload is offered again.
 */

import { joinUploads } from "./form-uploads.js";
import { indicoAdapter } from "./indico-adapter.js";
import { letGoOf } from "./keeping.js";
import { guardLeaving } from "./leave-guard.js";
import { numberWords } from "./number-words.js";
import { DeferredSave } from "./saving.js";
import { wouldLose } from "./totals.js";

/** What can be paused; an upload that is completing takes a moment, and is offered as stored. */
const MOVING = new Set(/** @type {import("./states.js").State[]} */ (["preparing", "uploading", "offline"]));

/**
 * @param {HTMLElement} root the outermost element of templates/s3portal/uploader.html
 * @param {{adapter?: import("./portal-calls.js").Adapter,
 *   upload?: import("./upload-options.js").UploadOptions}} [options] for tests
 * @returns {import("./field.js").UploadField}
 * @throws {Error} where the element is in no form
 */
export function mount(root, options = {}) {
  const form = root.closest("form");
  if (!form) throw new Error("the uploader stands in no form");
  const { texts: textsJson = "{}", api = "", locale = "" } = root.dataset;
  /** @type {import("./sentences.js").Texts} */
  const texts = JSON.parse(textsJson);
  const words = numberWords(locale);
  const adapter = options.adapter ?? indicoAdapter({ api });
  const { field, begin } = joinUploads(root, {
    ...{ adapter, texts, words },
    capacity: 1,
    upload: options.upload ?? {},
  });
  field.parts.invitation.textContent = texts["invitation"] ?? "";
  new DeferredSave(form, field, { texts, words });
  guardLeaving(form, { wouldLose: () => form.isConnected && wouldLose(field.uploads) });
  whenTakenOut(form, () => rest(field));
  root.hidden = false;
  begin();
  return field;
}

/**
 * Nobody sees the upload of a closed dialog any more: it stops, and the next dialog offers to go on.
 *
 * @param {import("./field.js").UploadField} field
 */
function rest(field) {
  field.settle();
  for (const upload of field.uploads) {
    if (MOVING.has(upload.state)) upload.pause();
    letGoOf(upload.upload?.id ?? "");
  }
}

/**
 * Indico takes the dialog out of the page when it is closed, however that was, also after saving.
 *
 * @param {HTMLElement} element
 * @param {() => void} then
 */
function whenTakenOut(element, then) {
  const observer = new MutationObserver(() => {
    if (element.isConnected) return;
    observer.disconnect();
    then();
  });
  observer.observe(document.body, { childList: true, subtree: true });
}
