/**
 * The page's one thread for checksums, begun when the first is asked for.
 *
 * A page whose content security policy allows no worker (`worker-src 'self'`) uploads without
 * checksums of its own; the store's checks stay.
 */

/**
 * @typedef {(algorithm: string, file: Blob, start: number, end: number) => Promise<string | null>} Digest
 *   hexadecimal digits of the bytes from start to before end; null: unknown
 */

/** @type {Worker | null} */
let worker = null;
let broken = false;
let lastId = 0;
/** @type {Map<number, (hex: string | null) => void>} */
const asked = new Map();

/** The thread gets a copy of the file each time, and continues where it was in the same one. @type {WeakMap<Blob, number>} */
const fileIds = new WeakMap();

/** @type {Digest} */
export function digestInThread(algorithm, file, start, end) {
  return new Promise((resolve) => {
    const id = ++lastId;
    const fileId = fileIds.get(file) ?? id;
    fileIds.set(file, fileId);
    asked.set(id, resolve);
    try {
      worker ??= begin();
      if (broken) giveUp();
      else worker.postMessage({ id, algorithm, file, fileId, start, end });
    } catch {
      giveUp();
    }
  });
}

function begin() {
  const begun = new Worker(new URL("./checksum-worker.js", import.meta.url), { type: "module" });
  begun.onmessage = ({ data: { id, hex } }) => {
    asked.get(id)?.(hex);
    asked.delete(id);
  };
  begun.onerror = giveUp;
  return begun;
}

function giveUp() {
  broken = true;
  for (const resolve of asked.values()) resolve(null);
  asked.clear();
}
