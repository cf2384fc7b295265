/**
 * Saving a form with several files: the form is sent once for each, with the file's own name and format, so
 * that every resource has all fields of the form just as CKAN and its plugins read them.
 *
 * The first goes with the form as it is, so that nothing is made of a form that CKAN does not take, and so
 * that the resources stand in the publisher's order. All are sent in the background, since a page that is left
 * can do nothing more; whether CKAN took one, the portal says: the upload is then the file of a resource.
 */

import { UploadError } from "./errors.js";
import { formatOf } from "./prefill.js";
import { shownName } from "./shown-name.js";

/** What describes the first file and no other. */
const OF_THE_FIRST_FILE = ["upload", "size", "mimetype", "mimetype_inner", "hash", "last_modified"];

/** @typedef {{uploadId: string, filename: string}} StoredFile */

/**
 * @param {FormData} form as it is for the first file
 * @param {StoredFile} file another one
 * @returns {FormData} the form for that
 */
export function formFor(form, { uploadId, filename }) {
  const fields = new FormData();
  for (const [name, value] of form) {
    if (!OF_THE_FIRST_FILE.includes(name)) fields.append(name, value);
  }
  fields.set("name", shownName(filename));
  fields.set("format", formatOf(filename));
  fields.set("s3multipart_upload_id", uploadId);
  // What else the button does, it did with the first one.
  fields.set("save", "again");
  return fields;
}

export class SeveralResources {
  #form;
  #adapter;
  /** Where CKAN went on to when it took the form. */
  #nextUrl = "";

  /**
   * @param {HTMLFormElement} form
   * @param {Pick<import("./portal-calls.js").Adapter, "show">} adapter
   */
  constructor(form, adapter) {
    this.#form = form;
    this.#adapter = adapter;
  }

  /**
   * Saves all of them. After a failure it can be called again, and goes on where it stopped.
   *
   * @param {StoredFile[]} files the first is the form's own
   * @param {HTMLElement | null} submitter the button that was pressed; CKAN reads from it where to go next
   * @param {(count: number) => void} onSaved so many are saved
   * @returns {Promise<string | null>} the page that CKAN went on to; null where it did not take the form
   * @throws {UploadError} where CKAN took the form and not all of the others
   */
  async save([first, ...others], submitter, onSaved) {
    if (!first) return null;
    const isBegun = await this.#isSaved(first);
    // Not before: that question may have brought the form a new CSRF token.
    const form = new FormData(this.#form, submitter);
    if (!isBegun) {
      const answer = await this.#send(form, "follow");
      if (!(await this.#isSaved(first))) return null;
      this.#nextUrl = answer?.url ?? "";
    }
    for (const [index, file] of others.entries()) {
      onSaved(index + 1);
      if (await this.#isSaved(file)) continue;
      // A form that CKAN took is answered with another page, which nobody is going to see.
      const answer = await this.#send(formFor(form, file), "manual");
      if (!(await this.#isSaved(file))) throw await refusal(answer, file);
    }
    return this.#nextUrl || this.#form.action;
  }

  /**
   * @param {FormData} body
   * @param {RequestRedirect} redirect
   * @returns {Promise<Response | null>} a lost answer is no answer: what happened, the portal knows
   */
  #send(body, redirect) {
    return fetch(this.#form.action, { method: "POST", body, redirect }).catch(() => null);
  }

  /** @param {StoredFile} file */
  async #isSaved({ uploadId }) {
    return (await this.#adapter.show(uploadId)).state === "attached";
  }
}

/**
 * @param {Response | null} answer
 * @param {StoredFile} file
 * @returns {Promise<UploadError>} with what CKAN's page says about the form
 */
async function refusal(answer, { filename }) {
  if (!answer) return new UploadError("no_connection", `${filename}: no answer from the portal`);
  const page = new DOMParser().parseFromString(await answer.text().catch(() => ""), "text/html");
  const reasons = [...page.querySelectorAll(".error-explanation li")].map((reason) => reason.textContent?.trim());
  const sentence = reasons.length > 0 ? `${filename}: ${reasons.join(" ")}` : "";
  const { status } = answer;
  return new UploadError(`http_${status}`, `${filename}: ${status} ${answer.statusText}`, { status, sentence });
}
