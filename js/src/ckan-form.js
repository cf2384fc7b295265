/**
 * The uploader on CKAN's resource form: the entry that the page's loader imports.
 *
 * Joins the field, the adapter, and what the form needs while a file is on its way: name and format
 * filled in, saving that waits, a warning before the page is left, and the id of the stored upload,
 * which the form is saved with.
 */

import { ckanAdapter } from "./ckan-adapter.js";
import { CkanField } from "./ckan-field.js";
import { UploadField } from "./field.js";
import { guardLeaving } from "./leave-guard.js";
import { numberWords } from "./number-words.js";
import { Prefill, formatOf } from "./prefill.js";
import { DeferredSave } from "./saving.js";
import { canSign, stsSigner } from "./signer-sts.js";
import { isUnfinished } from "./states.js";
import { StoredUpload } from "./stored-upload.js";
import { MultipartUpload } from "./upload.js";

/**
 * @param {HTMLElement} root the outermost element of templates/s3portal/uploader.html
 * @param {{adapter?: import("./portal-calls.js").Adapter,
 *   upload?: import("./upload-options.js").UploadOptions}} [options] for tests and other portals
 * @returns {UploadField}
 * @throws {Error} where the element is in no form
 */
export function mount(root, options = {}) {
  const form = root.closest("form");
  if (!form) throw new Error("the uploader stands in no form");
  const { texts: textsJson = "{}", api = "", owner = "", resource = "", storeUrl = "", locale = "" } = root.dataset;
  /** @type {import("./sentences.js").Texts} */
  const texts = JSON.parse(textsJson);
  const words = numberWords(locale);
  const adapter = options.adapter ?? ckanAdapter({ api, owner, resource });
  const concurrency = Number(root.dataset["concurrency"]) || 4;
  const signing = root.dataset["uploadMode"] === "sts" && canSign() ? { signer: stsSigner } : {};
  const field = new UploadField(root, {
    texts,
    words,
    maxSize: Number(root.dataset["maxSize"]) || 0,
    open: (file) => new MultipartUpload(file, adapter, { concurrency, storeUrl, ...signing, ...options.upload }),
  });

  const prefill = new Prefill();
  const ckan = new CkanField(form, root, field, texts);
  field.addEventListener("change", () => {
    ckan.show();
    const { upload } = field;
    offerUpload(field.parts["upload-id"], upload?.state === "complete" ? (upload.upload?.id ?? "") : "");
    if (upload?.state !== "preparing") return;
    prefill.fill(form.querySelector("input[name=name]"), upload.file.name);
    prefill.fill(form.querySelector("input[name=format]"), formatOf(upload.file.name));
  });
  new DeferredSave(form, field, texts, words);
  guardLeaving(form, () => {
    const state = field.upload?.state;
    return state !== undefined && (isUnfinished(state) || state === "complete");
  });

  root.hidden = false;
  ckan.show();
  showStored(field, adapter);
  return field;
}

/**
 * What the form is saved with. A disabled input is not sent.
 *
 * @param {HTMLInputElement} input
 * @param {string} uploadId
 */
function offerUpload(input, uploadId) {
  input.value = uploadId;
  input.disabled = uploadId === "";
}

/**
 * The form came back with errors: its file is stored already, and is shown instead of asked for.
 *
 * @param {UploadField} field
 * @param {import("./portal-calls.js").Adapter} adapter
 */
async function showStored(field, adapter) {
  const input = field.parts["upload-id"];
  if (input.value === "") return;
  try {
    const upload = await adapter.show(input.value);
    if (field.upload) return;
    if (upload.state === "completed") field.show(new StoredUpload(upload, adapter));
    else offerUpload(input, "");
  } catch (error) {
    // The id stays in the form, and the portal decides about it when the form is saved.
    console.warn("s3portal: the stored upload cannot be shown", error);
  }
}

