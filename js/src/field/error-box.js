/** An error on the page: a sentence for the publisher, and a fold with the details for an administrator. */

import { errorDetails, errorSentence } from "./sentences.js";

/**
 * @param {{error: HTMLElement, "error-sentence": HTMLElement, "error-fold": HTMLElement,
 *   "error-details": HTMLElement}} parts
 * @param {import("../core/errors.js").UploadError | null} error
 * @param {import("./sentences.js").Texts} texts
 */
export function showError(parts, error, texts) {
  parts.error.hidden = error === null;
  parts["error-sentence"].textContent = error ? errorSentence(error, texts) : "";
  parts["error-details"].textContent = error ? errorDetails(error) : "";
  parts["error-fold"].hidden = !error?.message;
}
