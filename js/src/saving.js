/**
 * Saving a form while its files are still on their way: the press of the button is kept, said, and done
 * when the uploads are complete. It can be taken back.
 */

import { fill } from "./sentences.js";
import { standing, totalProgress } from "./totals.js";

export class DeferredSave {
  #form;
  #field;
  #texts;
  #words;
  #saveSeveral;
  /** The button that was pressed; undefined while nothing is to be saved. @type {HTMLElement | null | undefined} */
  #pressed = undefined;
  /** What is being said while several resources are being made; "" while none are. */
  #savingNow = "";
  /** The form is to be sent without a further look at its files. */
  #asItIs = false;

  /**
   * @param {HTMLFormElement} form
   * @param {import("./field.js").UploadField} field
   * @param {object} needs
   * @param {import("./sentences.js").Texts} needs.texts
   * @param {import("./number-words.js").NumberWords} needs.words
   * @param {(submitter: HTMLElement | null, onSaved: (count: number) => void) => Promise<boolean>} [needs.saveSeveral]
   *   for forms that take more than one file: saves them and leaves the page; false: the form is to be sent as it is
   */
  constructor(form, field, { texts, words, saveSeveral = async () => false }) {
    this.#form = form;
    this.#field = field;
    this.#texts = texts;
    this.#words = words;
    this.#saveSeveral = saveSeveral;
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
    if (event.target !== this.#form || this.#asItIs) return;
    this.#field.settle();
    const { uploads } = this.#field;
    const now = standing(uploads);
    if (now === "empty" || (now === "stored" && uploads.length === 1 && !this.#savingNow)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (this.#savingNow) return;
    if (now === "stopped") {
      this.#refuse();
      return;
    }
    this.#place(event.submitter);
    if (now === "stored") {
      this.#saveAll(event.submitter);
      return;
    }
    this.#pressed = event.submitter;
    this.#draw();
    this.#field.parts.saving.scrollIntoView({ block: "nearest" });
    this.#field.announce(this.#sentence());
  }

  #onChange() {
    if (!this.#isWaiting) return;
    const now = standing(this.#field.uploads);
    if (now === "empty") {
      this.#takeBack("");
    } else if (now === "stopped") {
      this.#takeBack("");
      this.#refuse();
    } else if (now === "stored") {
      const pressed = this.#pressed;
      this.#takeBack(this.#texts["saving_now"] ?? "");
      // The same button again: CKAN reads from it where to go next.
      this.#form.requestSubmit(pressed?.isConnected ? pressed : null);
    } else {
      this.#draw();
    }
  }

  /** @param {HTMLElement | null} submitter */
  async #saveAll(submitter) {
    const count = String(this.#field.uploads.length);
    const say = (/** @type {number} */ saved) => {
      this.#savingNow = fill(this.#texts["saving_several"], { saved: String(saved), count });
      this.#draw();
    };
    say(0);
    this.#field.announce(this.#savingNow);
    try {
      if (await this.#saveSeveral(submitter, say)) return;
      this.#savingNow = "";
      // CKAN has something to say about the form: it says so on the page that comes.
      this.#asItIs = true;
      this.#form.requestSubmit(submitter?.isConnected ? submitter : null);
    } catch (error) {
      this.#savingNow = "";
      this.#field.fail(error);
    }
    this.#draw();
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
    const { parts } = this.#field;
    parts.saving.hidden = !this.#isWaiting && !this.#savingNow;
    parts["saving-stop"].hidden = this.#savingNow !== "";
    if (!parts.saving.hidden) parts["saving-text"].textContent = this.#savingNow || this.#sentence();
  }

  #sentence() {
    const { uploads } = this.#field;
    if (standing(uploads) === "paused") return this.#texts["saving_paused"] ?? "";
    const { eta } = totalProgress(uploads);
    const isSending = uploads.some(({ state }) => state === "uploading");
    if (!isSending || eta === null) return this.#texts["saving"] ?? "";
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
    this.#field.focusStopped();
  }
}
