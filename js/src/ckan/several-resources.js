/**
 * Saving a form with several files: the form is sent once for each, with the file's own name, description and
 * format, so that every resource has all fields of the form just as CKAN and its plugins read them.
 *
 * They are sent in the background, one after the other, so that the resources stand in the publisher's order.
 * The last one is not sent here: the browser sends it with the page, so that CKAN continues from there as always.
 */

import { UploadError } from "../core/errors.js";
import { formatOf } from "../form/prefill.js";
import { safeFilename } from "../field/safe-filename.js";

/** What describes the file that the form was filled in for, and no other. */
export const OF_ONE_FILE = Object.freeze(["upload", "size", "mimetype", "mimetype_inner", "hash", "last_modified"]);
/** A save that has not answered by then is asked after. */
const ANSWER_TIMEOUT_MS = 180_000;
/** Once more where the form had an old CSRF token. */
const TRIES = 2;

/**
 * @typedef {object} StoredFile
 * @property {string} uploadId
 * @property {string} filename
 * @property {string} [name] as the publisher calls the resource
 * @property {string} [description] its own; without it, that of the form
 */

/**
 * @param {FormData} form as it is for the first file
 * @param {StoredFile} file another one
 * @param {(filename: string) => string} [format] of a file with that name
 * @returns {FormData} the form for that
 */
export function formFor(form, { uploadId, filename, name, description }, format = formatOf) {
  const fields = new FormData();
  for (const [field, value] of form) {
    if (!OF_ONE_FILE.includes(field)) fields.append(field, value);
  }
  fields.set("name", name ?? safeFilename(filename));
  if (description !== undefined) fields.set("description", description);
  fields.set("format", format(filename));
  fields.set("s3multipart_upload_id", uploadId);
  return fields;
}

export class SeveralResources {
  #form;
  #adapter;
  #format;

  /**
   * @param {HTMLFormElement} form
   * @param {Pick<import("../core/portal-calls.js").Adapter, "show" | "list">} adapter
   * @param {(filename: string) => string} [format]
   */
  constructor(form, adapter, format = formatOf) {
    this.#form = form;
    this.#adapter = adapter;
    this.#format = format;
  }

  /**
   * Saves files, with one call for each and one more that asks the portal what became of them.
   *
   * @param {StoredFile[]} files the first is the one that the form describes
   * @param {(count: number) => void} onSaved how many are saved
   * @returns {Promise<{saved: Set<string>, refusal: UploadError | null}>} the uploads that the portal has as files
   *   of resources, and why it has not all of them
   * @throws {UploadError} where the portal cannot be asked
   */
  async save(files, onSaved) {
    /** @type {string[]} */
    const sent = [];
    /** @type {UploadError | null} */
    let refusal = null;
    for (const [index, file] of files.entries()) {
      onSaved(index);
      refusal = await this.#send(file, index === 0);
      if (refusal) break;
      sent.push(file.uploadId);
    }
    if (sent.length === 0) return { saved: new Set(), refusal };
    const unsaved = new Set((await this.#adapter.list()).map(({ id }) => id));
    const saved = new Set(sent.filter((id) => !unsaved.has(id)));
    // A redirect leads to the next page, or to the login.
    if (saved.size < sent.length) refusal ??= new UploadError("not_signed_in", "the portal did not save what it was sent");
    return { saved, refusal };
  }

  /**
   * @param {StoredFile} file
   * @param {boolean} isFirst
   * @returns {Promise<UploadError | null>} null: CKAN took it
   */
  async #send(file, isFirst) {
    for (let tries = 1; ; tries++) {
      const form = new FormData(this.#form);
      const body = isFirst ? new FormData(this.#form) : formFor(form, file, this.#format);
      // What else the button does, it does with the last one.
      body.set("save", "again");
      const answer = await this.#post(body);
      // CKAN answers a form that it accepts with another page, which no one is going to see.
      if (answer?.type === "opaqueredirect") return null;
      if ((await this.#adapter.show(file.uploadId)).state === "attached") return null;
      // That question may have brought the form a new CSRF token.
      if (tries >= TRIES || isEqual(form, new FormData(this.#form))) return refused(answer, file);
    }
  }

  /**
   * @param {FormData} body
   * @returns {Promise<Response | null>} a lost answer is no answer: what happened, the portal knows
   */
  #post(body) {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    return fetch(this.#form.action, { method: "POST", body, redirect: "manual", signal }).catch(() => null);
  }
}

/** @param {FormData} one @param {FormData} other */
function isEqual(one, other) {
  return JSON.stringify([...one]) === JSON.stringify([...other]);
}

/**
 * @param {Response | null} answer
 * @param {StoredFile} file
 * @returns {Promise<UploadError>} with what CKAN's page says about the form
 */
async function refused(answer, { filename }) {
  if (!answer) return new UploadError("no_connection", `${filename}: no answer from the portal`);
  const page = new DOMParser().parseFromString(await answer.text().catch(() => ""), "text/html");
  const reasons = [...page.querySelectorAll(".error-explanation li")].map((reason) => reason.textContent?.trim());
  const sentence = reasons.length > 0 ? `${safeFilename(filename)}: ${reasons.join(" ")}` : "";
  const { status } = answer;
  return new UploadError(`http_${status}`, `${filename}: ${status} ${answer.statusText}`, { status, sentence });
}
