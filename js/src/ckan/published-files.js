/**
 * What of a form is published already. The page may stay or come back after its form was sent: publishers go
 * back, stop the browser, correct what the portal refused. The form then says so, and sends nothing twice.
 *
 * What was sent is remembered for this tab (session storage); whether it is published, the portal says.
 */

const PREFIX = "s3portal-sent-";

/**
 * @typedef {object} SentForm
 * @property {string[]} uploadIds
 * @property {string} typed what stood in the form, as {@link typedIn} says it
 */

/** @param {HTMLFormElement} form @returns {string} all that is typed and chosen in it, to be compared */
export function typedIn(form) {
  const csrfField = form.ownerDocument.querySelector('meta[name="csrf_field_name"]')?.getAttribute("content");
  // Of these, what stands in the field decides.
  const isTyped = (/** @type {string} */ name) => ![csrfField, "s3multipart_upload_id", "url_type"].includes(name);
  const fields = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && isTyped(name));
  return JSON.stringify(fields);
}

/** @param {string} owner @param {SentForm} sent */
export function rememberSent(owner, sent) {
  try {
    sessionStorage.setItem(PREFIX + owner, JSON.stringify(sent));
  } catch (error) {
    // Remembering is a courtesy; the upload's state at the portal keeps it from being saved twice.
    console.info("s3portal: the browser does not remember what was sent", error);
  }
}

/**
 * @param {string} owner
 * @param {boolean} hasComeBack the portal sent the form back, with something to correct
 * @returns {SentForm | null} what this form was sent with; null for a form that is opened for the first time
 */
export function rememberedSent(owner, hasComeBack) {
  const [visit] = performance.getEntriesByType("navigation");
  const isSeenAgain = hasComeBack || ["back_forward", "reload"].includes(/** @type {any} */ (visit)?.type);
  try {
    if (isSeenAgain) return JSON.parse(sessionStorage.getItem(PREFIX + owner) ?? "null");
    sessionStorage.removeItem(PREFIX + owner);
  } catch (error) {
    console.info("s3portal: the browser does not say what was sent", error);
  }
  return null;
}
