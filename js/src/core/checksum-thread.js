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

/** A thread that says nothing so often in a row, while it should, is replaced, and a second one is the last. */
const MOST_SILENCES = 3;
const LISTENING_MS = 10_000;

/** @type {Worker | null} */
let worker = null;
/** Times in a row that nothing was heard. The first may be that of a computer that slept. */
let silences = 0;
/** @type {unknown} */
let timer;
let lastFileId = 0;
/** What was asked and not answered; answers come in the same order. @type {[question: object, resolve: (hex: string | null) => void][]} */
let asked = [];

/** The thread gets a copy of the file each time, and continues where it was in the same one. @type {WeakMap<Blob, number>} */
const fileIds = new WeakMap();

/** @type {Digest} */
export function digestInThread(algorithm, file, start, end) {
  return new Promise((resolve) => {
    const fileId = fileIds.get(file) ?? ++lastFileId;
    fileIds.set(file, fileId);
    const question = [algorithm, file, fileId, start, end];
    asked.push([question, resolve]);
    ask([question]);
  });
}

/** @param {object[]} questions */
function ask(questions) {
  try {
    worker ??= begin();
    for (const question of questions) worker.postMessage(question);
  } catch {
    giveUp();
  }
}

function begin() {
  if (silences > MOST_SILENCES) throw 0;
  timer ??= setInterval(listen, LISTENING_MS);
  const begun = new Worker(new URL("./checksum-worker.js", import.meta.url), { type: "module" });
  begun.onmessage = ({ data: hex }) => {
    // What a thread said that was replaced was asked again.
    if (begun !== worker) return;
    silences = 0;
    if (hex !== 0) asked.shift()?.[1](hex);
  };
  begun.onerror = giveUp;
  return begun;
}

/** A file that cannot be read to its end, or a thread that was stopped, must not hold up an upload. */
function listen() {
  if (!asked[0] || ++silences % MOST_SILENCES) return;
  worker?.terminate();
  worker = null;
  if (silences > MOST_SILENCES) giveUp();
  ask(asked.map(([question]) => question));
}

function giveUp() {
  silences = MOST_SILENCES + 1;
  worker = null;
  for (const [, resolve] of asked) resolve(null);
  asked = [];
}
