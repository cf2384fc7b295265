/**
 * The uploader on CKAN's resource form: the entry that the page's loader imports.
 *
 * Joins the field, the adapter, and what the form needs while files are on their way: name and format
 * filled in, unfinished uploads offered, saving that waits, a warning before the page is left, and the id
 * of the stored upload, which the form is saved with.
 */

import { ckanAdapter } from "./ckan-adapter.js";
import { CkanField } from "./ckan-field.js";
import { ConnectionPool } from "./connection-pool.js";
import { UploadField } from "./field.js";
import { keepWhileItLasts } from "./keeping.js";
import { guardLeaving } from "./leave-guard.js";
import { numberWords } from "./number-words.js";
import { holdUpload } from "./other-tabs.js";
import { Prefill, formatOf } from "./prefill.js";
import { DeferredSave } from "./saving.js";
import { SeveralResources } from "./several-resources.js";
import { canSign, stsSigner } from "./signer-sts.js";
import { isPhase } from "./states.js";
import { StoredUpload } from "./stored-upload.js";
import { wouldLose } from "./totals.js";
import { UnfinishedBox } from "./unfinished-box.js";
import { MultipartUpload } from "./upload.js";
import { WakeLock } from "./wake-lock.js";

/** More at once than anybody wants to describe with one form. */
const MOST_FILES = 50;

/**
 * @param {HTMLElement} root the outermost element of templates/s3portal/uploader.html
 * @param {{adapter?: import("./ckan-adapter.js").CkanAdapter,
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
  /** What all uploads of this form have in common, their connections among it. */
  const common = { concurrency, pool: new ConnectionPool(concurrency), storeUrl, ...signing, ...options.upload };

  /** Where a file that is chosen as if it were new has an unfinished upload, goes on with that. */
  const goingOn = {
    ...adapter,
    async create(/** @type {import("./portal-calls.js").CreateRequest} */ request) {
      const upload = await unfinished.claim(request);
      return upload ? { upload, parts: [] } : adapter.create(request);
    },
  };
  /**
   * @param {import("./chosen-files.js").ChosenFile} chosen
   * @param {import("./portal-calls.js").PortalUpload} [resume] the file's unfinished upload
   */
  const open = ({ file, handle }, resume) => {
    const upload = new MultipartUpload(file, goingOn, { ...common, ...(resume && { resume }) });
    keepWhileItLasts(upload, handle);
    return upload;
  };
  /** @type {UploadField} */
  const field = new UploadField(root, {
    texts,
    words,
    maxSize: Number(root.dataset["maxSize"]) || 0,
    capacity: root.dataset["several"] ? MOST_FILES : 1,
    open,
  });
  const unfinished = new UnfinishedBox(field.parts, {
    ...{ adapter, texts, words },
    goOn(upload, chosen) {
      if (!chosen) {
        showStored(field, upload, adapter);
        return;
      }
      const resumed = open(chosen, upload);
      field.show(resumed);
      resumed.start();
    },
  });

  const prefill = new Prefill();
  /** The file that name and format were filled in for. @type {import("./file-row.js").ShownUpload | null} */
  let described = null;
  const wakeLock = new WakeLock(document);
  const ckan = new CkanField(form, root, field, texts);
  field.addEventListener("change", () => {
    const { uploads } = field;
    const [first] = uploads;
    ckan.show();
    unfinished.draw(field.hasRoom);
    wakeLock.want(uploads.some(({ state }) => isPhase(state)));
    offerUpload(field.parts["upload-id"], first?.state === "complete" ? (first.upload?.id ?? "") : "");
    if (!first || first === described) return;
    described = first;
    prefill.fill(form.querySelector("input[name=name]"), first.file.name);
    prefill.fill(form.querySelector("input[name=format]"), formatOf(first.file.name));
  });
  const several = new SeveralResources(form, adapter);
  new DeferredSave(form, field, {
    ...{ texts, words },
    async saveSeveral(submitter, onSaved) {
      const files = field.uploads.map(({ file, upload }) => ({ uploadId: upload?.id ?? "", filename: file.name }));
      const nextUrl = await several.save(files, submitter, onSaved);
      if (nextUrl === null) return false;
      guard.allow();
      location.assign(nextUrl);
      return true;
    },
  });
  const guard = guardLeaving(form, () => wouldLose(field.uploads));

  root.hidden = false;
  ckan.show();
  showFormsOwn(field, adapter);
  unfinished.load(field.parts["upload-id"].value);
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
async function showFormsOwn(field, adapter) {
  const input = field.parts["upload-id"];
  if (input.value === "") return;
  try {
    const upload = await adapter.show(input.value);
    if (upload.state === "completed") showStored(field, upload, adapter);
    else offerUpload(input, "");
  } catch (error) {
    // The id stays in the form, and the portal decides about it when the form is saved.
    console.warn("s3portal: the stored upload cannot be shown", error);
  }
}

/**
 * @param {UploadField} field
 * @param {import("./portal-calls.js").PortalUpload} upload
 * @param {import("./portal-calls.js").Adapter} adapter
 */
function showStored(field, upload, adapter) {
  // The publisher may have been faster than the portal's answer.
  if (!field.hasRoom) return;
  holdUpload(upload.id);
  field.show(new StoredUpload(upload, adapter));
}
