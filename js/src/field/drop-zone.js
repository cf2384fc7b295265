/**
 * Files dropped anywhere on the field.
 *
 * A file dropped beside the field would make the browser leave the page and show the file, and the
 * half filled form would be gone: such drops do nothing.
 */

import { droppedFiles } from "./chosen-files.js";

/**
 * @param {HTMLElement} root where files may be dropped
 * @param {object} on
 * @param {() => boolean} on.takes whether a file is wanted at the moment
 * @param {(files: import("./chosen-files.js").ChosenFile[]) => void} on.files
 * @param {(names: string[]) => void} on.folders
 */
export function watchForDrops(root, on) {
  const page = root.ownerDocument;
  page.addEventListener("dragover", (event) => {
    if (!carriesFiles(event) || landsInFileInput(event)) return;
    event.preventDefault();
    const wanted = on.takes() && lands(event, root);
    root.classList.toggle("s3portal-dragging", wanted);
    if (event.dataTransfer) event.dataTransfer.dropEffect = wanted ? "copy" : "none";
    // In the capture phase: what another field of the page says of a drag over itself comes after, and holds.
  }, true);
  page.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) root.classList.remove("s3portal-dragging");
  });
  page.addEventListener("drop", (event) => {
    root.classList.remove("s3portal-dragging");
    if (!carriesFiles(event) || landsInFileInput(event)) return;
    event.preventDefault();
    if (!event.dataTransfer || !on.takes() || !lands(event, root)) return;
    const { files, folders } = droppedFiles(event.dataTransfer);
    if (folders.length > 0) on.folders(folders);
    else files.then(on.files);
  }, true);
}

/** @param {DragEvent} event */
function carriesFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

/** @param {DragEvent} event @param {HTMLElement} root */
function lands(event, root) {
  return event.target instanceof Node && root.contains(event.target);
}

/** Another file field of the form keeps its own drops. @param {DragEvent} event */
function landsInFileInput(event) {
  return event.target instanceof HTMLInputElement && event.target.type === "file";
}
