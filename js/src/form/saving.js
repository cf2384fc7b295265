/**
 * Saving a form while its files are still on their way: the press of the button is kept, said, and done
 * when the uploads are complete. It can be taken back. What stands in the way of saving is said beside the button.
 */

import { errorSentence, fill } from "../field/sentences.js";
import { asUploadError } from "../core/errors.js";
import { standing, totalProgress } from "../field/totals.js";

/** @typedef {import("../field/file-row.js").ShownUpload} ShownUpload */

/**
 * @typedef {object} Saver what a form needs that takes more than one file
 * @property {boolean} [sendsAll] the form is sent once, with all of them
 * @property {(uploads: ShownUpload[], onSaved: (count: number) => void) => Promise<import("../core/errors.js").UploadError | null>}
 *   saveAhead saves them; afterwards the field has those only that are not saved; why not all of them are
 * @property {(uploads: ShownUpload[], stop: () => void, submitter: HTMLElement | null) => void} onSubmit the form is
 *   being sent as it is, with one file or none; `stop` keeps the browser from that
 */

/** The answer to a form that was not taken is the form, with what is wrong with it. */
const FORM_CAME_BACK = "http_200";

/** For forms that take one file. @type {Saver} */
const ONE_FILE = { saveAhead: async () => null, onSubmit() {} };

export class DeferredSave {
  #form;
  #field;
  #texts;
  #words;
  #saver;
  /** The button that was pressed; undefined while nothing is to be saved. @type {HTMLElement | null | undefined} */
  #pressed = undefined;
  /** What is being said while several resources are being made; "" while none are. */
  #savingNow = "";
  /** How many of them are made, from 0 to 1. */
  #savedShare = 0;
  /** The form is to be sent without a further look at its files. */
  #asItIs = false;

  /**
   * @param {HTMLFormElement} form
   * @param {import("../field/field.js").UploadField} field
   * @param {object} needs
   * @param {import("../field/sentences.js").Texts} needs.texts
   * @param {import("../field/number-words.js").NumberWords} needs.words
   * @param {Saver} [needs.saver]
   */
  constructor(form, field, { texts, words, saver = ONE_FILE }) {
    this.#form = form;
    this.#field = field;
    this.#texts = texts;
    this.#words = words;
    this.#saver = saver;
    // In the capture phase, at the document: before any script of the portal hears of it and
    // disables the buttons.
    form.ownerDocument.addEventListener("submit", (event) => this.#onSubmit(event), true);
    field.parts["saving-stop"].addEventListener("click", () => this.#takeBack(texts["saving_taken_back"] ?? ""));
    field.addEventListener("change", () => this.#onChange());
    field.addEventListener("draw", () => this.#draw());
  }

  /** Sends the form, with the button that was pressed. @param {HTMLElement | null} submitter */
  send(submitter) {
    this.#asItIs = true;
    this.#press(submitter);
    this.#asItIs = false;
  }

  /** The same button again: CKAN reads from it where to go next. @param {HTMLElement | null} submitter */
  #press(submitter) {
    this.#form.requestSubmit(submitter?.isConnected ? submitter : null);
  }

  get #isWaiting() {
    return this.#pressed !== undefined;
  }

  /** @param {SubmitEvent} event */
  #onSubmit(event) {
    if (event.target !== this.#form || this.#asItIs) return;
    const stop = () => {
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    if (this.#savingNow) {
      stop();
      return;
    }
    this.#field.settle();
    this.#refuse("");
    const { uploads } = this.#field;
    const now = standing(uploads);
    const goAsOne = uploads.length === 1 || this.#saver.sendsAll;
    if (now === "empty" || (now === "stored" && goAsOne)) {
      this.#saver.onSubmit(uploads, stop, event.submitter);
      return;
    }
    stop();
    this.#place(event.submitter);
    if (now === "stopped") {
      this.#refuseStopped();
      return;
    }
    if (now === "stored") {
      this.#saveSeveral(event.submitter);
      return;
    }
    this.#pressed = event.submitter;
    this.#draw();
    this.#field.parts.saving.scrollIntoView({ block: "nearest" });
    this.#field.announce(this.#sentence());
  }

  #onChange() {
    if (!this.#isWaiting) {
      if (!this.#savingNow && standing(this.#field.uploads) !== "stopped") this.#refuse("");
      return;
    }
    const now = standing(this.#field.uploads);
    if (now === "empty") {
      this.#takeBack("");
    } else if (now === "stopped") {
      this.#takeBack("");
      this.#refuseStopped();
    } else if (now === "stored") {
      const pressed = this.#pressed ?? null;
      this.#takeBack(this.#texts["saving_now"] ?? "");
      this.#press(pressed);
    } else {
      this.#draw();
    }
  }

  /** @param {HTMLElement | null} submitter */
  async #saveSeveral(submitter) {
    const { uploads } = this.#field;
    const say = (/** @type {number} */ saved) => {
      this.#savedShare = saved / uploads.length;
      const values = { saved: String(saved), count: String(uploads.length) };
      this.#savingNow = fill(this.#texts["saving_several"], values);
      this.#draw();
      this.#field.announceProgress(this.#savingNow);
    };
    this.#field.isLocked = true;
    const saving = this.#saver.saveAhead(uploads.slice(0, -1), say);
    this.#field.parts.saving.scrollIntoView({ block: "nearest" });
    const refusal = await saving.catch(asUploadError);
    this.#field.isLocked = false;
    this.#savingNow = "";
    this.#draw();
    if (!refusal) {
      // The last one with the page.
      this.#press(submitter);
    } else if (this.#field.published.length === 0 && refusal.code === FORM_CAME_BACK) {
      // CKAN has something to say about the form: it says so on the page that comes.
      this.send(submitter);
    } else {
      this.#refuse(this.#whatIsPublished(errorSentence(refusal, this.#texts)));
    }
  }

  /** @param {string} reason */
  #whatIsPublished(reason) {
    const { published } = this.#field;
    const text = this.#texts[published.length > 0 ? "saved_partly" : "saved_none"];
    return [reason, fill(text, { names: published.join(", ") })].join("\n");
  }

  /**
   * Where the publisher is looking: beside the button that was pressed, and below it, so that nothing
   * moves and a double click does not press what came in its place. Not in the middle of a bar of buttons.
   *
   * @param {HTMLElement | null} submitter
   */
  #place(submitter) {
    const bar = submitter?.closest(".form-actions, ol, ul") ?? submitter;
    if (bar && bar !== this.#form && this.#form.contains(bar)) bar.after(this.#field.parts.saving, this.#field.parts["not-saved"]);
  }

  #draw() {
    const { parts } = this.#field;
    parts.saving.hidden = !this.#isWaiting && !this.#savingNow;
    parts["saving-stop"].hidden = parts["saving-progress"].hidden = true;
    if (parts.saving.hidden) return;
    parts["saving-stop"].hidden = this.#savingNow !== "";
    parts["saving-progress"].hidden = this.#savingNow === "";
    parts["saving-progress"].value = this.#savedShare;
    const text = this.#savingNow || this.#sentence();
    // Written only when it changes, however often the rows are drawn.
    if (parts["saving-text"].textContent !== text) parts["saving-text"].textContent = text;
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

  #refuseStopped() {
    const stopped = this.#field.rows.filter(({ upload }) => upload.state === "failed");
    const names = stopped.map(({ parts }) => parts.name.textContent).join(", ");
    const text = stopped.every((row) => row.isFinal) ? "saving_refused" : "saving_failed";
    this.#refuse(fill(this.#texts[text], { names }));
    this.#field.focusStopped();
  }

  /** Says beside the button why the form is not saved. @param {string} sentence "" once it can be saved */
  #refuse(sentence) {
    const { "not-saved": box, "not-saved-text": text } = this.#field.parts;
    box.hidden = sentence === "";
    text.textContent = sentence;
    if (sentence) box.scrollIntoView({ block: "nearest" });
  }
}
