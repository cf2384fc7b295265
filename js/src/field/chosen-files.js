/**
 * Files that the publisher chose in a dialog or dropped on the field, each with its handle where the
 * browser gives one (`form/kept-files.js` says what for).
 *
 * @typedef {object} ChosenFile
 * @property {File} file
 * @property {FileSystemFileHandle | null} handle
 */

/**
 * Lets the publisher choose with the browser's dialog whenever the input is pressed. Chromium's newer
 * dialog gives handles; the input's own is for all others, and for where a page may not use the newer.
 *
 * @param {HTMLInputElement} input `multiple` says whether several may be chosen
 * @param {(files: ChosenFile[]) => void} onFiles
 */
export function watchFileInput(input, onFiles) {
  let ownDialog = false;
  input.addEventListener("click", (event) => {
    const open = handleDialog();
    if (!open || ownDialog) return;
    event.preventDefault();
    open({ multiple: input.multiple }).then(
      async (handles) => onFiles(await Promise.all(handles.map(chosen))),
      (error) => {
        if (error?.name === "AbortError") return;
        ownDialog = true;
        input.click();
      },
    );
  });
  input.addEventListener("change", (event) => {
    // A file is no change of the form: what would be lost with it, the leave guard knows.
    event.stopPropagation();
    const files = [...(input.files ?? [])].map((file) => ({ file, handle: null }));
    // Emptied, so that choosing the same file again is a change again.
    input.value = "";
    if (files.length > 0) onFiles(files);
  });
}

/**
 * To be called while the drop event is being handled: afterwards the browser has forgotten what fell.
 *
 * @param {DataTransfer} dropped
 * @returns {{files: Promise<ChosenFile[]>, folders: string[]}} names of folders, which cannot be uploaded
 */
export function droppedFiles(dropped) {
  const folders = [];
  const files = [];
  for (const item of dropped.items) {
    const file = item.kind === "file" ? item.getAsFile() : null;
    if (!file) continue;
    if (item.webkitGetAsEntry()?.isDirectory) folders.push(file.name);
    else files.push(withHandle(file, item));
  }
  return { files: Promise.all(files), folders };
}

/** @param {File} file @param {DataTransferItem} item @returns {Promise<ChosenFile>} */
async function withHandle(file, item) {
  const handle = await /** @type {any} */ (item).getAsFileSystemHandle?.().catch(() => null);
  return { file, handle: handle ?? null };
}

/**
 * @param {{readonly name: string, readonly size: number, readonly lastModified?: number}} one; of a file that
 *   was uploaded on another page, when it was changed is not known here
 * @param {File} other
 * @returns {boolean} as far as can be told without reading them
 */
export function areSame(one, other) {
  const { lastModified = other.lastModified } = one;
  return one.name === other.name && one.size === other.size && lastModified === other.lastModified;
}

/** @param {FileSystemFileHandle} handle @returns {Promise<ChosenFile>} */
async function chosen(handle) {
  return { file: await handle.getFile(), handle };
}

/**
 * Not in the types of TypeScript, since Chromium alone has it.
 *
 * @returns {((how: {multiple: boolean}) => Promise<FileSystemFileHandle[]>) | null}
 */
function handleDialog() {
  const open = /** @type {any} */ (globalThis).showOpenFilePicker;
  return open ? (how) => open(how) : null;
}
