/**
 * The uploader in Indico's dialog for materials: the entry that the dialog imports.
 *
 * Joins the field, the adapter, saving that waits for the file, and the warning before the page is left.
 */

import { UploadField } from "./field.js";
import { indicoAdapter } from "./indico-adapter.js";
import { guardLeaving } from "./leave-guard.js";
import { numberWords } from "./number-words.js";
import { DeferredSave } from "./saving.js";
import { wouldLose } from "./totals.js";
import { MultipartUpload } from "./upload.js";

/**
 * @param {HTMLElement} root the outermost element of templates/s3portal/uploader.html
 * @param {{adapter?: import("./portal-calls.js").Adapter,
 *   upload?: import("./upload-options.js").UploadOptions}} [options] for tests
 * @returns {UploadField}
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
  const concurrency = Number(root.dataset["concurrency"]) || 4;
  const field = new UploadField(root, {
    texts,
    words,
    maxSize: Number(root.dataset["maxSize"]) || 0,
    capacity: 1,
    open: ({ file }) => new MultipartUpload(file, adapter, { concurrency, ...options.upload }),
  });
  field.parts.invitation.textContent = texts["invitation"] ?? "";
  const input = field.parts["upload-id"];
  field.addEventListener("change", () => {
    const [upload] = field.uploads;
    input.value = upload?.state === "complete" ? (upload.upload?.id ?? "") : "";
    // A disabled input is not sent.
    input.disabled = input.value === "";
  });
  new DeferredSave(form, field, { texts, words });
  // The dialog is taken out of the page when it is closed, also after saving.
  guardLeaving(form, () => form.isConnected && wouldLose(field.uploads));
  root.hidden = false;
  return field;
}
