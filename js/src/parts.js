/**
 * The elements of templates/s3portal/uploader.html that scripts touch, by their `data-s3portal` name.
 *
 * @typedef {object} Parts
 * @property {HTMLInputElement} upload-id
 * @property {HTMLElement} choose
 * @property {HTMLInputElement} input
 * @property {HTMLElement} invitation
 * @property {HTMLElement} limit
 * @property {HTMLElement} file
 * @property {HTMLElement} name
 * @property {HTMLElement} size
 * @property {HTMLButtonElement} go
 * @property {HTMLButtonElement} drop
 * @property {HTMLProgressElement} progress
 * @property {HTMLElement} status
 * @property {HTMLElement} replaces
 * @property {HTMLElement} error
 * @property {HTMLElement} error-sentence
 * @property {HTMLElement} error-fold
 * @property {HTMLElement} error-details
 * @property {HTMLElement} saving
 * @property {HTMLElement} saving-text
 * @property {HTMLButtonElement} saving-stop
 * @property {HTMLElement} announcer
 */

/**
 * @param {HTMLElement} root the template's outermost element
 * @returns {Parts}
 */
export function partsOf(root) {
  /** @type {Record<string, Element>} */
  const parts = {};
  for (const element of root.querySelectorAll("[data-s3portal]")) {
    parts[/** @type {string} */ (element.getAttribute("data-s3portal"))] = element;
  }
  return /** @type {Parts} */ (/** @type {unknown} */ (parts));
}
