/**
 * How CKAN's form is saved with what stands in the field: one file with the page, several one after the other,
 * and none twice, also where the page was left and is seen again.
 */

import { asUploadError } from "../core/errors.js";
import { letGoOf } from "../form/keeping.js";
import { rememberSent, rememberedSent, typedIn } from "./published-files.js";
import { SeveralResources } from "./several-resources.js";

/** @typedef {import("../field/file-row.js").ShownUpload} ShownUpload */

/** @typedef {import("../form/saving.js").Saver} Saver */

/** @implements {Saver} */
export class FormSaver {
  /** Sends the form, when it has been found that this is to be done. @type {(submitter: HTMLElement | null) => void} */
  sendAgain = () => {};
  #form;
  #field;
  #adapter;
  #owner;
  #nextUrl;
  #details;
  #several;
  /** Uploads that the form was sent with from this page, or the one before. @type {Set<string>} */
  #sentIds = new Set();
  /** What stood in the form when it was sent. @type {string | null} */
  #typed = null;

  /**
   * @param {HTMLFormElement} form
   * @param {import("../field/field.js").UploadField} field
   * @param {object} needs
   * @param {import("../core/portal-calls.js").Adapter} needs.adapter
   * @param {string} needs.owner
   * @param {string} needs.nextUrl where to go when everything is published
   * @param {import("./file-details.js").FileDetails} needs.details
   * @param {(filename: string) => string} needs.format
   */
  constructor(form, field, { adapter, owner, nextUrl, details, format }) {
    this.#form = form;
    this.#field = field;
    this.#adapter = adapter;
    this.#owner = owner;
    this.#nextUrl = nextUrl;
    this.#details = details;
    this.#several = new SeveralResources(form, adapter, format);
  }

  /** Says what was published from this form before the page was left and seen again. */
  async recall() {
    const sent = rememberedSent(this.#owner, this.#field.parts["upload-id"].value !== "");
    if (!sent) return;
    this.#typed = sent.typed;
    const published = await this.#publishedOf(sent.uploadIds);
    if (published.length > 0) this.#field.showPublished(published.map(({ filename }) => filename));
  }

  /**
   * @param {ShownUpload[]} uploads
   * @param {(count: number) => void} onSaved
   * @returns {Promise<import("../core/errors.js").UploadError | null>}
   */
  async saveAhead(uploads, onSaved) {
    const files = uploads.map((upload) => ({
      ...{ uploadId: idOf(upload), filename: upload.file.name },
      ...this.#details.of(upload),
    }));
    const { saved, refusal } = await this.#several.save(files, onSaved);
    this.#publish(uploads.filter((upload) => saved.has(idOf(upload))));
    return refusal;
  }

  /**
   * @param {ShownUpload[]} uploads
   * @param {(() => void)} stop
   * @param {HTMLElement | null} submitter
   */
  onSubmit([upload], stop, submitter) {
    if (!upload) {
      // Nothing new stands in the form: it would become a resource without a file.
      if (this.#field.published.length === 0 || typedIn(this.#form) !== this.#typed) return;
      stop();
      location.assign(this.#nextUrl);
      return;
    }
    if (!this.#sentIds.has(idOf(upload))) {
      this.#remember([upload]);
      return;
    }
    // It was sent before, and the page is still here: whether it arrived, the portal knows.
    stop();
    this.lookAgain().then(() => {
      if (this.#field.uploads.length > 0) this.sendAgain(submitter);
      else location.assign(this.#nextUrl);
    });
  }

  /** The form was sent and the page is still here, or here again. */
  async lookAgain() {
    // CKAN disables its buttons when they are pressed, and has no way back.
    for (const button of this.#form.querySelectorAll('button[name="save"]')) button.removeAttribute("disabled");
    const { uploads } = this.#field;
    const published = new Set((await this.#publishedOf(uploads.map(idOf))).map(({ id }) => id));
    this.#publish(uploads.filter((upload) => published.has(idOf(upload))));
  }

  /** @param {string[]} uploadIds @returns {Promise<import("../core/portal-calls.js").PortalUpload[]>} */
  async #publishedOf(uploadIds) {
    const shown = await Promise.all(uploadIds.map((id) => this.#adapter.show(id).catch(asUploadError)));
    return shown.flatMap((upload) => ("state" in upload && upload.state === "attached" ? [upload] : []));
  }

  /** @param {ShownUpload[]} uploads */
  #publish(uploads) {
    if (uploads.length === 0) return;
    for (const upload of uploads) letGoOf(idOf(upload));
    this.#field.showPublished(uploads.map(({ file }) => file.name), uploads);
    // The form describes the next file now, or still the last one.
    this.#remember(uploads);
  }

  /** @param {ShownUpload[]} uploads */
  #remember(uploads) {
    for (const upload of uploads) this.#sentIds.add(idOf(upload));
    this.#typed = typedIn(this.#form);
    rememberSent(this.#owner, { uploadIds: [...this.#sentIds], typed: this.#typed });
  }
}

/** @param {ShownUpload} upload */
function idOf({ upload }) {
  return upload?.id ?? "";
}
