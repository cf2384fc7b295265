/**
 * Saving a form while its file is still on its way: the press of the button is kept, said, and done
 * when the upload is complete. It can be taken back.
 */

import { fill } from "./sentences.js";
import { isUnfinished } from "./states.js";

export class DeferredSave {
  #form;
  #field;
  #texts;
  #words;
  /** The button that was pressed; undefined while nothing is to be saved. @type {HTMLElement | null | undefined} */
  #pressed = undefined;

  /**
   * @param {HTMLFormElement} form
   * @param {import("./field.js").UploadField} field
   * @param {import("./sentences.js").Texts} texts
   * @param {import("./number-words.js").NumberWords} words
   */
  constructor(form, field, texts, words) {
    this.#form = form;
    this.#field = field;
    this.#texts = texts;
    this.#words = words;
    // In the capture phase, at the document: before any script of the portal hears of it and
    // disables the buttons.
    form.ownerDocument.addEventListener("submit", (event) => this.#onSubmit(event), true);
    field.parts["saving-stop"].addEventListener("click", () => this.#takeBack(texts["saving_taken_back"] ?? ""));
    field.addEventListener("change", () => this.#onChange());
    field.addEventListener("draw", () => this.#draw());
  }

  get #isWaiting() {
    return this.#pressed !== undefined;
  }

  /** @param {SubmitEvent} event */
  #onSubmit(event) {
    const { upload } = this.#field;
    if (event.target !== this.#form || !upload || !unsavable(upload.state)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (upload.state === "failed") {
      this.#refuse();
      return;
    }
    this.#pressed = event.submitter;
    this.#place(event.submitter);
    this.#draw();
    this.#field.parts.saving.scrollIntoView({ block: "nearest" });
    this.#field.announce(this.#sentence());
  }

  #onChange() {
    if (!this.#isWaiting) return;
    const { upload } = this.#field;
    if (!upload) {
      this.#takeBack("");
    } else if (upload.state === "failed") {
      this.#takeBack("");
      this.#refuse();
    } else if (upload.state === "complete") {
      const pressed = this.#pressed;
      this.#takeBack(this.#texts["saving_now"] ?? "");
      // The same button again: CKAN reads from it where to go next.
      this.#form.requestSubmit(pressed?.isConnected ? pressed : null);
    } else {
      this.#draw();
    }
  }

  /**
   * Where the publisher is looking: beside the button that was pressed. Below it, so that nothing
   * moves and a double click does not press what came in its place.
   *
   * @param {HTMLElement | null} submitter
   */
  #place(submitter) {
    const actions = submitter?.closest(".form-actions") ?? submitter;
    if (actions && this.#form.contains(actions)) actions.after(this.#field.parts.saving);
  }

  #draw() {
    this.#field.parts.saving.hidden = !this.#isWaiting;
    if (this.#isWaiting) this.#field.parts["saving-text"].textContent = this.#sentence();
  }

  #sentence() {
    const upload = this.#field.upload;
    if (upload?.state === "paused") return this.#texts["saving_paused"] ?? "";
    const eta = upload?.progress.eta ?? null;
    if (upload?.state !== "uploading" || eta === null) return this.#texts["saving"] ?? "";
    return fill(this.#texts["saving_time"], { time: this.#words.duration(eta) });
  }

  /** @param {string} announcement */
  #takeBack(announcement) {
    const hadFocus = this.#field.parts.saving.contains(document.activeElement);
    if (hadFocus) this.#pressed?.focus();
    this.#pressed = undefined;
    this.#draw();
    if (announcement) this.#field.announce(announcement);
  }

  #refuse() {
    this.#field.announce(this.#texts["saving_failed"] ?? "");
    this.#field.parts.go.focus();
  }
}

/**
 * A form saved in these states would be saved without its file.
 *
 * @param {import("./states.js").State} state
 * @returns {boolean}
 */
function unsavable(state) {
  return isUnfinished(state) || state === "idle" || state === "aborting";
}
