/**
 * The elements of templates/s3portal/uploader.html that scripts touch, by their `data-s3portal` name.
 *
 * @typedef {object} Parts
 * @property {HTMLInputElement} upload-id
 * @property {HTMLElement} unfinished
 * @property {HTMLElement} unfinished-heading
 * @property {HTMLElement} unfinished-list
 * @property {HTMLTemplateElement} unfinished-row
 * @property {HTMLElement} files-part
 * @property {HTMLElement} files
 * @property {HTMLTemplateElement} row
 * @property {HTMLElement} several
 * @property {HTMLElement} choose
 * @property {HTMLInputElement} input
 * @property {HTMLElement} invitation
 * @property {HTMLElement} limit
 * @property {HTMLElement} replaces
 * @property {HTMLElement} error
 * @property {HTMLElement} error-sentence
 * @property {HTMLElement} error-fold
 * @property {HTMLElement} error-details
 * @property {HTMLElement} published
 * @property {HTMLElement} saving
 * @property {HTMLProgressElement} saving-progress
 * @property {HTMLElement} not-saved
 * @property {HTMLElement} not-saved-text
 * @property {HTMLElement} saving-text
 * @property {HTMLButtonElement} saving-stop
 * @property {HTMLElement} announcer
 */

/**
 * The elements of one file in the list.
 *
 * @typedef {object} RowParts
 * @property {HTMLElement} file
 * @property {HTMLElement} name
 * @property {HTMLElement} size
 * @property {HTMLButtonElement} go
 * @property {HTMLButtonElement} drop
 * @property {HTMLProgressElement} progress
 * @property {HTMLElement} status
 * @property {HTMLElement} before
 * @property {HTMLElement} same
 * @property {HTMLElement} same-text
 * @property {HTMLAnchorElement} same-link
 * @property {HTMLElement} in-form
 * @property {HTMLElement} details
 * @property {HTMLInputElement} own-name
 * @property {HTMLTextAreaElement} own-description
 * @property {HTMLElement} error
 * @property {HTMLElement} error-sentence
 * @property {HTMLElement} error-fold
 * @property {HTMLElement} error-details
 */

/**
 * The elements of one unfinished upload.
 *
 * @typedef {object} UnfinishedParts
 * @property {HTMLElement} item
 * @property {HTMLElement} name
 * @property {HTMLElement} standing
 * @property {HTMLButtonElement} go
 * @property {HTMLButtonElement} drop
 * @property {HTMLInputElement} pick
 * @property {HTMLElement} refusal
 */

/**
 * @param {HTMLElement} root the template's outermost element
 * @returns {Parts}
 */
export function partsOf(root) {
  return /** @type {Parts} */ (/** @type {unknown} */ (named(root)));
}

/** @param {HTMLTemplateElement} template @returns {RowParts} a new copy */
export function rowParts(template) {
  return /** @type {RowParts} */ (/** @type {unknown} */ (copied(template)));
}

/** @param {HTMLTemplateElement} template @returns {UnfinishedParts} a new copy */
export function unfinishedParts(template) {
  return /** @type {UnfinishedParts} */ (/** @type {unknown} */ (copied(template)));
}

/** @param {HTMLTemplateElement} template */
function copied(template) {
  return named(/** @type {DocumentFragment} */ (template.content.cloneNode(true)));
}

/** @param {ParentNode} within @returns {Record<string, Element>} */
function named(within) {
  /** @type {Record<string, Element>} */
  const parts = {};
  for (const element of within.querySelectorAll("[data-s3portal]")) {
    parts[/** @type {string} */ (element.getAttribute("data-s3portal"))] = element;
  }
  return parts;
}
