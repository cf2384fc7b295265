/**
 * The uploader on CKAN's resource form: the entry that the page's loader imports.
 *
 * Joins the field, the adapter, and what CKAN's form needs while files are on their way: name and format
 * filled in, saving that waits, a resource for each of several files, a warning before the page is left.
 */

import { ckanAdapter } from "./adapter.js";
import { CkanField } from "./field.js";
import { joinUploads } from "../form/form-uploads.js";
import { guardLeaving } from "../form/leave-guard.js";
import { numberWords } from "../field/number-words.js";
import { measureDistance } from "../core/distance.js";
import { FileDetails } from "./file-details.js";
import { FormSaver } from "./form-saver.js";
import { Prefill, formatOf } from "../form/prefill.js";
import { SameFile } from "./same-file.js";
import { DeferredSave } from "../form/saving.js";
import { canSign, stsSigner } from "../core/signer-sts.js";
import { wouldLose } from "../field/totals.js";

/** More files at once than anyone wants to describe with one form. */
const MOST_FILES = 50;

/**
 * @param {HTMLElement} root the outermost element of templates/s3portal/uploader.html
 * @param {{adapter?: import("../core/portal-calls.js").Adapter,
 *   upload?: import("../core/upload-options.js").UploadOptions}} [options] for tests and other portals
 * @returns {import("../field/field.js").UploadField}
 * @throws {Error} where the element is in no form
 */
export function mount(root, options = {}) {
  const form = root.closest("form");
  if (!form) throw new Error("the uploader stands in no form");
  const { texts: textsJson = "{}", api = "", owner = "", resource = "", locale = "" } = root.dataset;
  const { distanceUrl = "", nextUrl = "", resourceUrl = "" } = root.dataset;
  /** @type {import("../field/sentences.js").Texts} */
  const texts = JSON.parse(textsJson);
  const words = numberWords(locale);
  const adapter = options.adapter ?? ckanAdapter({ api, owner, resource });
  const signing = root.dataset["uploadMode"] === "sts" && canSign() ? { signer: stsSigner } : {};
  const { field, begin } = joinUploads(root, {
    ...{ adapter, texts, words },
    capacity: root.dataset["several"] ? MOST_FILES : 1,
    upload: { roundTripMs: distanceUrl ? measureDistance(distanceUrl) : null, ...signing, ...options.upload },
  });

  const ckan = new CkanField(form, root, field, texts);
  field.addEventListener("change", () => ckan.show());
  const details = new FileDetails(form, field, new Prefill(), formatOf);
  const saver = new FormSaver(form, field, { adapter, owner, nextUrl, details, format: formatOf });
  if (adapter.files) new SameFile(field, { files: adapter.files, texts, resourceUrl });
  const save = new DeferredSave(form, field, { texts, words, saver });
  saver.sendAgain = (submitter) => save.send(submitter);
  guardLeaving(form, { wouldLose: () => wouldLose(field.uploads), stayed: () => saver.lookAgain() });

  root.hidden = false;
  ckan.show();
  begin();
  saver.recall();
  return field;
}
