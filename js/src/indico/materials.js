/**
 * The uploader in Indico's dialogs for materials: the entry that the dialogs import.
 *
 * Joins the field, the adapter, saving that waits for the files, the warning before the page is left, the
 * keyboard's place, and the end of the dialog, after which its uploads are offered again.
 */

import { joinUploads } from "../form/form-uploads.js";
import { indicoAdapter } from "./adapter.js";
import { letGoOf } from "../form/keeping.js";
import { guardLeaving } from "../form/leave-guard.js";
import { numberWords } from "../field/number-words.js";
import { holdUpload } from "../form/other-tabs.js";
import { DeferredSave } from "../form/saving.js";
import { StoredUpload } from "../form/stored-upload.js";
import { wouldLose } from "../field/totals.js";

/** Files in one dialog: as many as the portal takes at a time. */
const MOST_FILES = 50;

/** All files go with one request. @type {import("../form/saving.js").Saver} */
const ALL_AT_ONCE = { sendsAll: true, saveAhead: async () => null, onSubmit() {} };

/** What can be paused; an upload that is completing takes a moment, and is offered as stored. */
const MOVING = new Set(/** @type {import("../core/states.js").State[]} */ (["preparing", "uploading", "offline"]));

/**
 * @param {HTMLElement} root the outermost element of templates/s3portal/uploader.html
 * @param {{adapter?: import("../core/portal-calls.js").Adapter,
 *   upload?: import("../core/upload-options.js").UploadOptions}} [options] for tests
 * @returns {import("../field/field.js").UploadField}
 * @throws {Error} where the element is in no form
 */
export function mount(root, options = {}) {
  const form = root.closest("form");
  if (!form) throw new Error("the uploader stands in no form");
  const { texts: textsJson = "{}", api = "", locale = "", several = "" } = root.dataset;
  /** @type {import("../field/sentences.js").Texts} */
  const texts = JSON.parse(textsJson);
  const words = numberWords(locale);
  const adapter = options.adapter ?? indicoAdapter({ api });
  const { field, begin } = joinUploads(root, {
    ...{ adapter, texts, words },
    capacity: several ? MOST_FILES : 1,
    upload: options.upload ?? {},
  });
  field.parts.invitation.textContent = texts["invitation"] ?? "";
  new FormInputs(form, field);
  holdSaveWhileChoosing(root, form, field);
  new DeferredSave(form, field, { texts, words, saver: ALL_AT_ONCE });
  guardLeaving(form, { wouldLose: () => form.isConnected && wouldLose(field.uploads) });
  keepDropsFromOthers(root);
  const opener = document.activeElement;
  whenTakenOut(form, () => {
    rest(field);
    giveFocusBack(opener);
  });
  root.hidden = false;
  showMore(form, field, adapter);
  begin();
  takeFocus(form, field);
  return field;
}

/**
 * A file that is chosen to continue an unfinished upload is compared with it first, which takes a slow disk
 * seconds. A form that is saved before then waits for that: otherwise it would have no file.
 *
 * @param {HTMLElement} root
 * @param {HTMLFormElement} form
 * @param {import("../field/field.js").UploadField} field
 */
function holdSaveWhileChoosing(root, form, field) {
  let isChoosing = false;
  /** The button that was pressed; undefined where none was. @type {HTMLElement | null | undefined} */
  let pressed = undefined;
  root.addEventListener(
    "change",
    ({ target }) => {
      if (target instanceof HTMLInputElement && target.dataset["s3portal"] === "pick") isChoosing = true;
    },
    true,
  );
  // It is another file, and the box says so.
  new MutationObserver((changes) => {
    if (changes.some(({ target }) => isRefusal(target))) [isChoosing, pressed] = [false, undefined];
  }).observe(field.parts.unfinished, { childList: true, characterData: true, subtree: true });
  field.addEventListener("change", () => {
    if (!isChoosing || field.uploads.length === 0) return;
    isChoosing = false;
    const button = pressed;
    pressed = undefined;
    if (button !== undefined) setTimeout(() => form.requestSubmit(button?.isConnected ? button : null));
  });
  form.ownerDocument.addEventListener(
    "submit",
    (event) => {
      if (event.target !== form || !isChoosing) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      pressed = event.submitter;
    },
    true,
  );
}

/** @param {Node} node @returns {boolean} a refusal was written there */
function isRefusal(node) {
  const refusal = (node instanceof Element ? node : node.parentElement)?.closest("[data-s3portal=refusal]");
  return Boolean(refusal?.textContent);
}

/**
 * What the form is saved with besides the first upload, and what tells Indico's own script that the form has
 * changed: it serializes the form, and enables the button when the result is another one.
 */
class FormInputs {
  #form;
  #field;
  #changed;
  /** @type {HTMLInputElement[]} */
  #more = [];

  /** @param {HTMLFormElement} form @param {import("../field/field.js").UploadField} field */
  constructor(form, field) {
    this.#form = form;
    this.#field = field;
    this.#changed = hiddenInput("s3portal_files", "0");
    form.append(this.#changed);
    field.addEventListener("change", () => this.#draw());
  }

  #draw() {
    const { uploads } = this.#field;
    const ids = uploads.flatMap(({ state, upload }) => (state === "complete" && upload ? [upload.id] : []));
    for (const input of this.#more) input.remove();
    // The first upload has an input in the template.
    const isFirstStored = uploads[0]?.state === "complete";
    this.#more = ids.slice(isFirstStored ? 1 : 0).map((id) => hiddenInput("s3multipart_upload_id", id));
    this.#form.append(...this.#more);
    if (this.#changed.value === String(uploads.length)) return;
    this.#changed.value = String(uploads.length);
    this.#form.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

/** @param {string} name @param {string} value */
function hiddenInput(name, value) {
  return Object.assign(document.createElement("input"), { type: "hidden", name, value });
}

/**
 * The dialog came back with something to correct: its other files are stored already, too.
 *
 * @param {HTMLFormElement} form
 * @param {import("../field/field.js").UploadField} field
 * @param {import("../core/portal-calls.js").Adapter} adapter
 */
async function showMore(form, field, adapter) {
  /** @type {string[]} */
  const ids = JSON.parse(form.dataset["moreUploads"] ?? "[]");
  for (const id of ids) {
    // One that cannot be shown now is offered in the box of unfinished uploads.
    const upload = await adapter.show(id).catch(() => null);
    if (upload?.state !== "completed" || !field.hasRoom) continue;
    holdUpload(id);
    field.show(new StoredUpload(upload, adapter));
  }
}

/**
 * Indico's field for a file takes drops on the whole form, also those on this field.
 *
 * @param {HTMLElement} root
 */
function keepDropsFromOthers(root) {
  for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
    root.addEventListener(type, (event) => event.stopPropagation());
  }
}

/**
 * Indico leaves the keyboard on the page behind the dialog, where Tab would continue.
 *
 * @param {HTMLFormElement} form
 * @param {import("../field/field.js").UploadField} field
 */
function takeFocus(form, field) {
  if (!form.contains(document.activeElement)) field.parts.input.focus({ preventScroll: true });
}

/**
 * The keyboard focus returns to the button that opened the dialog, or at the one in its place: after saving, the
 * list of materials was drawn again.
 *
 * @param {Element | null} opener
 */
function giveFocusBack(opener) {
  if (!(opener instanceof HTMLElement) || opener === document.body) return;
  const { href } = opener.dataset;
  const inItsPlace = href ? document.querySelector(`[data-href="${CSS.escape(href)}"]`) : null;
  const target = opener.isConnected ? opener : inItsPlace;
  if (target instanceof HTMLElement && document.activeElement === document.body) target.focus();
}

/**
 * The upload of a closed dialog is no longer visible: it stops, and the next dialog offers to resume it.
 *
 * @param {import("../field/field.js").UploadField} field
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
