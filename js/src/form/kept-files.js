/**
 * Where the browser gives out handles of files (File System Access API: Chromium, over HTTPS), the handle
 * of a file that is being uploaded is kept in IndexedDB: after a reload or a crash the publisher goes on
 * with one click, without looking for the file again. Only the handle is kept, never a byte of the file.
 *
 * Keeping is a courtesy: a browser that refuses (private windows do) only means choosing the file again.
 */

const DATABASE = "s3portal";
const HANDLES = "file-handles";

/** @param {string} uploadId @param {FileSystemFileHandle} handle */
export async function keepHandle(uploadId, handle) {
  await inStore("readwrite", (store) => store.put(handle, uploadId));
}

/** @param {string} uploadId */
export async function forgetHandle(uploadId) {
  await inStore("readwrite", (store) => store.delete(uploadId));
}

/** @param {string} uploadId @returns {Promise<FileSystemFileHandle | null>} */
export async function keptHandle(uploadId) {
  return (await inStore("readonly", (store) => store.get(uploadId))) ?? null;
}

/**
 * The file behind a handle; asks the publisher for permission where the browser wants that. To be called
 * in answer to a click.
 *
 * @param {FileSystemFileHandle} handle
 * @returns {Promise<File | null>} null where it may not be read, or is gone
 */
export async function fileOf(handle) {
  try {
    // Not in the types of TypeScript, since Chromium alone has it.
    const granted = await /** @type {any} */ (handle).requestPermission?.({ mode: "read" });
    return granted === undefined || granted === "granted" ? await handle.getFile() : null;
  } catch {
    return null;
  }
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} ask
 * @returns {Promise<T | undefined>} undefined where the browser keeps nothing
 */
async function inStore(mode, ask) {
  try {
    const database = await openDatabase();
    try {
      return await answerOf(ask(database.transaction(HANDLES, mode).objectStore(HANDLES)));
    } finally {
      database.close();
    }
  } catch (error) {
    console.info("s3portal: the browser keeps no file handles", error);
    return undefined;
  }
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(HANDLES);
  return answerOf(opening);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function answerOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
