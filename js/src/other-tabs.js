/**
 * Which uploads are under way in other tabs of this browser, so that none is sent from two tabs at once.
 *
 * A tab that is closed, or crashes, gives its locks back by itself. Browsers have locks on pages over
 * HTTPS; elsewhere every upload seems to be free, and sending a part twice does no harm but the time.
 */

const PREFIX = "s3portal-upload-";

/** @type {Map<string, () => void>} */
const held = new Map();

/** Tells other tabs that this one sends the upload. @param {string} uploadId */
export function holdUpload(uploadId) {
  if (!navigator.locks || held.has(uploadId)) return;
  const released = new Promise((resolve) => held.set(uploadId, () => resolve(undefined)));
  navigator.locks.request(PREFIX + uploadId, { ifAvailable: true }, () => released);
}

/** @param {string} uploadId */
export function letGoOfUpload(uploadId) {
  held.get(uploadId)?.();
  held.delete(uploadId);
}

/** @returns {Promise<Set<string>>} ids of the uploads that some tab of this browser sends, this one included */
export async function heldUploads() {
  const { held: locks = [] } = (await navigator.locks?.query()) ?? {};
  return new Set(locks.flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : [])));
}
