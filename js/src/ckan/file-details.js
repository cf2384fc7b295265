/**
 * The name and the description of each of several files. The form of a portal describes one resource: it is
 * that of the first file, and every other file has fields of its own in its row.
 *
 * A description is that of the form until it is changed in the row, so that what holds for all is typed once.
 */

import { OF_ONE_FILE } from "./several-resources.js";
import { safeFilename } from "../field/safe-filename.js";

/** @typedef {import("../field/file-row.js").FileRow} FileRow */
/** @typedef {HTMLInputElement | HTMLTextAreaElement} TextField */

export class FileDetails {
  #form;
  #field;
  #prefill;
  #format;
  /** Rows whose own fields are filled in already. @type {WeakSet<FileRow>} */
  #begun = new WeakSet();
  /** Rows with a description of their own. @type {WeakSet<FileRow>} */
  #described = new WeakSet();
  /**
   * What the form said of files while it described them: one that was given up may come back.
   *
   * @type {WeakMap<import("../field/file-row.js").ShownUpload, {name?: string, description?: string}>}
   */
  #former = new WeakMap();
  /** The file that the form describes. @type {import("../field/file-row.js").ShownUpload | null} */
  #ofForm = null;

  /**
   * @param {HTMLFormElement} form
   * @param {import("../field/field.js").UploadField} field
   * @param {import("../form/prefill.js").Prefill} prefill
   * @param {(filename: string) => string} format
   */
  constructor(form, field, prefill, format) {
    this.#form = form;
    this.#field = field;
    this.#prefill = prefill;
    this.#format = format;
    field.addEventListener("change", () => this.#draw());
    this.#input("description")?.addEventListener("input", () => this.#repeatDescription());
  }

  /**
   * @param {import("../field/file-row.js").ShownUpload} upload
   * @returns {{name?: string, description?: string}} what its row says; nothing where the form speaks for it
   */
  of(upload) {
    const row = this.#field.rows.find((each) => each.upload === upload);
    if (!row || row.parts.details.hidden) return {};
    return this.#typed(row.parts["own-name"], row.parts["own-description"]);
  }

  /**
   * @param {TextField | null} [name] the form's own where none is given
   * @param {TextField | null} [description]
   * @returns {{name?: string, description?: string}} without what the form does not have
   */
  #typed(name = this.#input("name"), description = this.#input("description")) {
    return {
      ...(this.#input("name") && { name: name?.value ?? "" }),
      ...(this.#input("description") && { description: description?.value ?? "" }),
    };
  }

  #draw() {
    const { rows } = this.#field;
    const [first] = rows;
    if (first && first.upload !== this.#ofForm) this.#describe(first);
    for (const row of rows) {
      const hasOwn = row !== first;
      if (hasOwn && !this.#begun.has(row)) this.#begin(row);
      row.parts.details.hidden = !hasOwn;
      row.parts["in-form"].hidden = hasOwn || rows.length === 1;
    }
  }

  /** The form describes this file from here on. @param {FileRow} row */
  #describe(row) {
    if (this.#ofForm) this.#former.set(this.#ofForm, this.#typed());
    this.#ofForm = row.upload;
    const { name: filename } = row.upload.file;
    const own = this.#former.get(row.upload) ?? this.of(row.upload);
    const isNext = own.name !== undefined || own.description !== undefined;
    // What its row says, or else what the file suggests, and then not over what was typed.
    const fill = isNext ? this.#prefill.put : this.#prefill.fill;
    fill.call(this.#prefill, this.#input("name"), own.name ?? safeFilename(filename));
    fill.call(this.#prefill, this.#form.querySelector("input[name=format]"), this.#format(filename));
    if (!isNext) return;
    this.#prefill.put(this.#input("description"), own.description ?? "");
    for (const field of OF_ONE_FILE) {
      if (field !== "upload") this.#prefill.put(this.#form.querySelector(`input[name=${field}]`), "");
    }
  }

  /** @param {FileRow} row */
  #begin(row) {
    this.#begun.add(row);
    const { "own-name": name, "own-description": description } = row.parts;
    name.value = safeFilename(row.upload.file.name);
    description.value = this.#input("description")?.value ?? "";
    description.addEventListener("input", () => this.#described.add(row));
    for (const [field, own] of /** @type {[string, TextField][]} */ ([["name", name], ["description", description]])) {
      const label = own.labels?.[0];
      if (label) label.hidden = own.hidden = this.#input(field) === null;
    }
  }

  #repeatDescription() {
    for (const row of this.#field.rows) {
      if (this.#begun.has(row) && !this.#described.has(row)) {
        row.parts["own-description"].value = this.#input("description")?.value ?? "";
      }
    }
  }

  /** @param {string} name @returns {TextField | null} */
  #input(name) {
    return this.#form.querySelector(`input[name=${name}], textarea[name=${name}]`);
  }
}
