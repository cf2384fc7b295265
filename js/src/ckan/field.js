/**
 * CKAN's own part of the field, kept in line with ours.
 *
 * CKAN's snippet (package/snippets/resource_upload_field.html, the same in 2.10, 2.11 and 2.12)
 * shows one of three blocks, chosen by radio buttons: none, upload, link; its style sheet hides the
 * others. The uploader stands below them and takes over whatever file gets into CKAN's file input.
 * While one of our files is in the field, CKAN's blocks are hidden and the form says "upload".
 * Where a theme or plugin left out an element, its part is not played.
 */

import { fill } from "../field/sentences.js";

export class CkanField {
  #form;
  #root;
  #field;
  #texts;
  #container;
  /** The file that the resource has; "" where it has none, or where it was cleared. */
  #existing;
  /** The radio button that was on before our file came. @type {HTMLInputElement | null} */
  #before = null;

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLElement} root the uploader's outermost element
   * @param {import("../field/field.js").UploadField} field
   * @param {import("../field/sentences.js").Texts} texts
   */
  constructor(form, root, field, texts) {
    this.#form = form;
    this.#root = root;
    this.#field = field;
    this.#texts = texts;
    this.#container = root.closest(".resource-upload-field") ?? form;
    const existing = this.#container.querySelector(".upload-type input[readonly]");
    // CKAN's own words for it are the end of a link.
    this.#existing = existing instanceof HTMLInputElement ? existing.value && (root.dataset["existing"] || existing.value) : "";
    field.parts.replaces.textContent = fill(texts["replaces"], { name: this.#existing });
    // In the capture phase, at the form: CKAN replaces its input by a clone now and then, and its
    // own listeners need not hear of a file that is not going to be sent with the form.
    form.addEventListener("change", (event) => this.#onChange(event), true);
    // After CKAN's handlers, which stand in the buttons themselves.
    form.addEventListener("click", () => this.show());
  }

  /** Shows what belongs to the state of the field, in CKAN's part and in ours. */
  show() {
    const none = this.#input("#resource-url-none");
    const upload = this.#input("#resource-url-upload");
    const link = this.#input("#resource-url-link");
    const taken = this.#field.isTaken;
    const hasFile = this.#field.uploads.length > 0;

    if (taken && upload) {
      this.#before ??= [none, upload, link].find((radio) => radio?.checked) ?? null;
      upload.checked = true;
    } else if (!taken && this.#before) {
      this.#before.checked = true;
      this.#before = null;
    }
    if (!taken && none && upload?.checked) {
      this.#clearExisting();
      // CKAN's block for uploads has nothing to show but its own file input.
      if (this.#existing === "") none.checked = true;
    }
    const { invitation, replaces } = this.#field.parts;
    const text = hasFile ? "invitation_to_more" : this.#existing ? "invitation_to_replace" : "invitation";
    invitation.textContent = this.#texts[text] ?? "";
    replaces.hidden = !hasFile || this.#existing === "";
    this.#container.classList.toggle("s3portal-taken", taken);
    this.#root.hidden = !taken && (link?.checked ?? false);
  }

  /** "Clear Upload" was pressed: the resource is to have no file, unless another is chosen. */
  #clearExisting() {
    const clear = this.#input("#field-clear-upload");
    if (!clear?.checked) return;
    clear.checked = false;
    this.#existing = "";
    const url = this.#input("#field-resource-url");
    if (url) url.value = "";
  }

  /** @param {Event} event */
  #onChange(event) {
    const input = event.target;
    if (!(input instanceof HTMLInputElement) || input.type !== "file" || input.name !== "upload") return;
    const file = input.files?.[0];
    if (!file) return;
    event.stopImmediatePropagation();
    input.value = "";
    this.#field.take([{ file, handle: null }]);
    this.show();
  }

  /** @param {string} selector @returns {HTMLInputElement | null} */
  #input(selector) {
    return this.#form.querySelector(`input${selector}`);
  }
}
