/**
 * What can go wrong, with the facts. `code` is for programs, `message` for the log; the sentence
 * for the publisher is the portal's (`sentence`) or is made from the code by the user interface.
 */

/**
 * @typedef {object} UploadErrorFacts
 * @property {number} [status] HTTP status; 0 where no answer arrived
 * @property {string} [sentence] what the portal says to the publisher, in the publisher's language
 * @property {number | null} [retryAfterMs]
 * @property {Readonly<Record<string, unknown>>} [facts] for example limit, given, setting, missing
 * @property {unknown} [cause]
 */

/**
 * Codes made in the browser, beside those that the portal answers with:
 * `no_connection` the portal does not answer · `no_answer_from_store` the store never answered a single part
 * (a CORS rule or a content security policy stops it) · `part_unanswered` it answers, but not to this part
 * (`facts.part`) · `store_refused` S3 refused, and trying again would not help, with `facts.store_code` · `store_failed` S3 kept failing · `upload_gone` S3 or the portal no longer knows the upload ·
 * `wrong_file` not the file that the upload was begun with; the facts are a `Difference` of fingerprint.js ·
 * `file_unreadable` the file changed or vanished · `unreadable_answer` the portal said something
 * else than the protocol · `script_error` a fault in these scripts.
 */
/** `content_differs`: what is stored is not the file, and will not become it. */
const GONE_CODES = new Set(["upload_gone", "upload_not_open", "content_differs"]);

export class UploadError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {UploadErrorFacts} [facts]
   */
  constructor(code, message, { status = 0, sentence = "", retryAfterMs = null, facts = {}, cause } = {}) {
    super(message, { cause });
    this.name = "UploadError";
    this.code = code;
    this.status = status;
    this.sentence = sentence;
    this.retryAfterMs = retryAfterMs;
    this.facts = facts;
  }

  /** @returns {boolean} neither portal nor store will ever take a part of this upload again */
  get isGone() {
    return GONE_CODES.has(this.code) || this.status === 404;
  }
}

/** @param {unknown} error @returns {UploadError} */
export function asUploadError(error) {
  if (error instanceof UploadError) return error;
  return new UploadError("script_error", String(error), { cause: error });
}
