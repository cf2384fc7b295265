/**
 * Which uploads are under way in other tabs of this browser, so that none is sent from two tabs at once, and which
 * files, so that a file that two tabs choose at the same moment is sent once.
 *
 * A tab that is closed, or crashes, gives its locks back automatically. Browsers have locks on pages over
 * HTTPS; elsewhere every upload seems to be free, and sending a part twice does no harm but the time.
 */

const UPLOAD = "s3portal-upload-";
const FILE = "s3portal-file-";

/** What this tab holds, by the lock's name, with what gives it back. @type {Map<string, () => void>} */
const held = new Map();

/**
 * @param {string} name
 * @returns {Promise<boolean>} this tab has the lock now, or had it before
 */
function hold(name) {
  if (!navigator.locks || held.has(name)) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise((release) => held.set(name, () => release(undefined)));
    });
  });
}

/** @param {string} name */
function letGo(name) {
  held.get(name)?.();
  held.delete(name);
}

/** Tells other tabs that this one sends the upload. @param {string} uploadId */
export function holdUpload(uploadId) {
  hold(UPLOAD + uploadId);
}

/** @param {string} uploadId */
export function letGoOfUpload(uploadId) {
  letGo(UPLOAD + uploadId);
}

/** @returns {Promise<Set<string>>} ids of the uploads that some tab of this browser sends, this one included */
export async function heldUploads() {
  const { held: locks = [] } = (await navigator.locks?.query()) ?? {};
  return new Set(locks.flatMap(({ name }) => (name?.startsWith(UPLOAD) ? [name.slice(UPLOAD.length)] : [])));
}

/**
 * The file is this tab's from here on, for uploads to this place.
 *
 * @param {string} place
 * @param {{filename: string, fingerprint?: string}} file
 * @returns {Promise<(() => void) | null>} what gives it back; null where another tab has it
 */
export async function claimFile(place, { filename, fingerprint = "" }) {
  const name = FILE + JSON.stringify([place, filename, fingerprint]);
  return (await hold(name)) ? () => letGo(name) : null;
}
