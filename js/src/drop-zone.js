/**
 * Files chosen in the file input or dropped on the field.
 *
 * A file dropped beside the field would make the browser leave the page and show the file, and the
 * half filled form would be gone: such drops do nothing.
 */

/**
 * @param {HTMLElement} root where files may be dropped
 * @param {HTMLInputElement} input
 * @param {object} on
 * @param {() => boolean} on.takes whether a file is wanted at the moment
 * @param {(file: File) => void} on.file
 * @param {(reason: "one_file" | "no_folder", name: string) => void} on.refused
 */
export function watchForFiles(root, input, on) {
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    // Emptied, so that choosing the same file again is a change again.
    input.value = "";
    if (file && on.takes()) on.file(file);
  });

  const page = root.ownerDocument;
  page.addEventListener("dragover", (event) => {
    if (!carriesFiles(event) || landsInFileInput(event)) return;
    event.preventDefault();
    const wanted = on.takes() && lands(event, root);
    root.classList.toggle("s3portal-dragging", wanted);
    if (event.dataTransfer) event.dataTransfer.dropEffect = wanted ? "copy" : "none";
  });
  page.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) root.classList.remove("s3portal-dragging");
  });
  page.addEventListener("drop", (event) => {
    root.classList.remove("s3portal-dragging");
    if (!carriesFiles(event) || landsInFileInput(event)) return;
    event.preventDefault();
    if (!on.takes() || !lands(event, root)) return;
    const [first, ...more] = event.dataTransfer?.files ?? [];
    if (!first) return;
    if (more.length > 0) on.refused("one_file", first.name);
    else if (isFolder(event)) on.refused("no_folder", first.name);
    else on.file(first);
  });
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

/** @param {DragEvent} event */
function isFolder(event) {
  return event.dataTransfer?.items[0]?.webkitGetAsEntry()?.isDirectory ?? false;
}
