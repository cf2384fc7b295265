/**
 * Saving a form with several files: the first goes with the form itself, and each of the others becomes a
 * resource of its own by CKAN's API.
 *
 * The form goes first, so that nothing is made of a form that CKAN does not take, and so that the resources
 * stand in the publisher's order. It is sent in the background, since a page that is left can do nothing
 * more; whether CKAN took it, the portal says: the upload is then the file of a resource.
 */

import { formatOf } from "./prefill.js";

/**
 * What belongs to the first file, or to the form alone. All other fields, a description or a licence, are
 * meant for each of the files.
 */
const NOT_SHARED = new Set([
  ...["id", "name", "format", "url", "url_type", "upload", "clear_upload", "save", "package_id"],
  ...["size", "mimetype", "mimetype_inner", "hash", "last_modified", "s3multipart_upload_id"],
]);

/**
 * @param {FormData} fields
 * @returns {Record<string, string | string[]>} what every resource of this form has in common
 */
export function sharedFields(fields) {
  /** @type {Record<string, string | string[]>} */
  const shared = {};
  for (const name of new Set(fields.keys())) {
    const values = fields.getAll(name).filter((value) => typeof value === "string");
    // Names with "__" stand for lists in lists, which CKAN's form puts together and its API does not.
    if (NOT_SHARED.has(name) || name.includes("__") || name.includes("csrf") || values.length === 0) continue;
    shared[name] = values.length === 1 ? /** @type {string} */ (values[0]) : values;
  }
  return shared;
}

export class SeveralResources {
  #form;
  #adapter;
  /** Where CKAN went on to when it took the form. */
  #nextUrl = "";

  /**
   * @param {HTMLFormElement} form
   * @param {import("./ckan-adapter.js").CkanAdapter} adapter
   */
  constructor(form, adapter) {
    this.#form = form;
    this.#adapter = adapter;
  }

  /**
   * Saves all of them. After a failure it can be called again, and goes on where it stopped.
   *
   * @param {{uploadId: string, filename: string}[]} files the first is the form's own
   * @param {HTMLElement | null} submitter the button that was pressed; CKAN reads from it where to go next
   * @param {(count: number) => void} onSaved so many are saved
   * @returns {Promise<string | null>} the page that CKAN went on to; null where it did not take the form
   * @throws {import("./errors.js").UploadError} where CKAN took the form and not all of the others
   */
  async save([first, ...others], submitter, onSaved) {
    const fields = new FormData(this.#form, submitter);
    if (first && !(await this.#isSaved(first.uploadId))) {
      // A lost answer is no answer: what happened, the portal knows.
      const answer = await fetch(this.#form.action, { method: "POST", body: fields }).catch(() => null);
      if (!(await this.#isSaved(first.uploadId))) return null;
      this.#nextUrl = answer?.url ?? "";
    }
    const shared = sharedFields(fields);
    for (const [index, { uploadId, filename }] of others.entries()) {
      onSaved(index + 1);
      const own = { name: filename, format: formatOf(filename), s3multipart_upload_id: uploadId };
      await this.#adapter.createResource({ ...shared, ...own });
    }
    return this.#nextUrl || this.#form.action;
  }

  /** @param {string} uploadId */
  async #isSaved(uploadId) {
    return (await this.#adapter.show(uploadId)).state === "attached";
  }
}
