/**
 * The field in a portal's form, with what every form needs while files are on their way: unfinished uploads
 * offered, a file that has one recognised, the computer kept awake, and the id that the form is saved with.
 */

import { ConnectionPool } from "../core/connection-pool.js";
import { UploadField } from "../field/field.js";
import { FileClaim, keepWhileItLasts, letGoOf } from "./keeping.js";
import { holdUpload } from "./other-tabs.js";
import { isPhase } from "../core/states.js";
import { StoredUpload } from "./stored-upload.js";
import { UnfinishedBox } from "./unfinished-box.js";
import { MultipartUpload } from "../core/upload.js";
import { WakeLock } from "./wake-lock.js";

/**
 * @param {HTMLElement} root the outermost element of templates/s3portal/uploader.html
 * @param {object} needs
 * @param {import("../core/portal-calls.js").Adapter} needs.adapter
 * @param {import("../field/sentences.js").Texts} needs.texts
 * @param {import("../field/number-words.js").NumberWords} needs.words
 * @param {number} needs.capacity how many files the form takes
 * @param {import("../core/upload-options.js").UploadOptions} needs.upload
 * @returns {{field: UploadField, begin: () => void}} `begin` asks the portal what there is already, once the
 *   portal's own part of the form is in its place
 */
export function joinUploads(root, { adapter, texts, words, capacity, upload: options }) {
  const concurrency = Number(root.dataset["concurrency"]) || 4;
  /** What all uploads of this form have in common, their connections among it. */
  const common = { concurrency, pool: new ConnectionPool(concurrency), ...options };

  const place = `${root.dataset["api"]} ${root.dataset["owner"]}`;
  /**
   * @param {import("../field/chosen-files.js").ChosenFile} chosen
   * @param {import("../core/portal-calls.js").PortalUpload} [resume] the file's unfinished upload
   */
  const open = ({ file, handle }, resume) => {
    const claim = new FileClaim(place);
    const goingOn = {
      ...adapter,
      async create(/** @type {import("../core/portal-calls.js").CreateRequest} */ request) {
        // What another tab had until now may have come far.
        if (await claim.takeFor(request)) unfinished.listAgain();
        const known = await unfinished.takeOut(request);
        return known ? { upload: known, parts: [] } : adapter.create(request);
      },
    };
    const upload = new MultipartUpload(file, goingOn, { ...common, ...(resume && { resume }) });
    if (resume) claim.takeFor(resume).catch(() => {});
    keepWhileItLasts(upload, handle, claim);
    return upload;
  };
  /** @type {UploadField} */
  const field = new UploadField(root, {
    texts,
    words,
    maxSize: Number(root.dataset["maxSize"]) || 0,
    capacity,
    open,
  });
  const unfinished = new UnfinishedBox(field.parts, {
    ...{ adapter, texts, words },
    announce: (sentence) => field.announce(sentence),
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
  field.addEventListener("giveback", (event) => {
    const { upload } = /** @type {CustomEvent<{upload: import("../core/portal-calls.js").PortalUpload}>} */ (event).detail;
    letGoOf(upload.id);
    unfinished.giveBack(upload);
  });
  const wakeLock = new WakeLock(document);
  field.addEventListener("change", () => {
    const { uploads } = field;
    const [first] = uploads;
    unfinished.draw(field.hasRoom);
    wakeLock.want(uploads.some(({ state }) => isPhase(state)));
    offerUpload(field.parts["upload-id"], first?.state === "complete" ? (first.upload?.id ?? "") : "");
  });
  return {
    field,
    begin() {
      showFormsOwn(field, adapter);
      unfinished.load(field.parts["upload-id"].value);
    },
  };
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
 * @param {import("../core/portal-calls.js").Adapter} adapter
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
 * @param {import("../core/portal-calls.js").PortalUpload} upload
 * @param {import("../core/portal-calls.js").Adapter} adapter
 */
function showStored(field, upload, adapter) {
  // The publisher may have been faster than the portal's answer.
  if (!field.hasRoom) return;
  holdUpload(upload.id);
  field.show(new StoredUpload(upload, adapter));
}
