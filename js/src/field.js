/**
 * The uploader's field on the page: the markup of templates/s3portal/uploader.html, brought to life.
 *
 * Knows uploads and nothing of the portal's form around it; `ckan-form.js` joins the two. Every
 * text is set as text, never as markup: a file's name may be anything.
 */

import { watchForFiles } from "./drop-zone.js";
import { UploadError } from "./errors.js";
import { partsOf } from "./parts.js";
import { announcedStep, errorDetails, errorSentence, fill, statusLine } from "./sentences.js";

/** @typedef {import("./states.js").State} State */

/**
 * What the field shows: a `MultipartUpload`, or one that is complete already (`stored-upload.js`).
 *
 * @typedef {Pick<import("./upload.js").MultipartUpload, "state" | "error" | "progress" | "pause"
 *   | "resume" | "cancel" | keyof EventTarget> & {readonly file: {readonly name: string,
 *   readonly size: number}, readonly upload: {readonly id: string} | null}} ShownUpload
 */

/** Figures that change more often than this cannot be read. */
const REDRAW_MS = 250;
/** Without progress the speed falls and the time left grows: that is shown, too. */
const REDRAW_WITHOUT_PROGRESS_MS = 1_000;

/** What the first button does in each state; it is away where nothing stands. */
const GO_BUTTON = /** @type {Partial<Record<State, "pause" | "resume" | "try_again">>} */ ({
  preparing: "pause",
  uploading: "pause",
  offline: "pause",
  paused: "resume",
  failed: "try_again",
});

/** Dispatches `change` whenever the state of its upload changed, or the upload came or went. */
export class UploadField extends EventTarget {
  /** @type {ShownUpload | null} */
  upload = null;
  /** Elements that the form around may want to place or fill. */
  parts;
  #texts;
  #words;
  #maxSize;
  #open;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #redraw;
  #redrawAtMs = Infinity;
  #announcedStep = 0;

  /**
   * @param {HTMLElement} root the template's outermost element
   * @param {object} needs
   * @param {import("./sentences.js").Texts} needs.texts
   * @param {import("./number-words.js").NumberWords} needs.words
   * @param {number} needs.maxSize bytes; 0 for no limit
   * @param {(file: File) => import("./upload.js").MultipartUpload} needs.open
   */
  constructor(root, { texts, words, maxSize, open }) {
    super();
    this.#texts = texts;
    this.#words = words;
    this.#maxSize = maxSize;
    this.#open = open;
    this.parts = partsOf(root);
    this.parts.limit.textContent = maxSize ? fill(texts["up_to"], { size: words.size(maxSize) }) : "";
    this.parts.go.addEventListener("click", () => this.#onGo());
    this.parts.drop.addEventListener("click", () => this.#onDrop());
    watchForFiles(root, this.parts.input, {
      takes: () => this.upload === null && !root.hidden,
      file: (file) => this.take(file),
      refused: (reason, name) => this.#refuse(reason, { name }),
    });
  }

  /**
   * Uploads a file, unless it is too large to begin with.
   *
   * @param {File} file
   * @returns {boolean} whether the upload began
   */
  take(file) {
    const { name, size } = file;
    if (this.#maxSize && size > this.#maxSize) {
      const limit = this.#words.size(this.#maxSize);
      this.#refuse("too_large", { name, size: this.#words.size(size), limit });
      return false;
    }
    const upload = this.#open(file);
    this.show(upload);
    upload.start();
    return true;
  }

  /** @param {ShownUpload} upload */
  show(upload) {
    this.upload = upload;
    this.#announcedStep = 0;
    this.#showError(null);
    this.parts.name.textContent = upload.file.name;
    this.parts.size.textContent = this.#words.size(upload.file.size);
    this.parts.progress.setAttribute("aria-label", fill(this.#texts["progress_label"], { name: upload.file.name }));
    upload.addEventListener("statechange", () => this.#onStateChange(upload));
    upload.addEventListener("progress", () => this.#drawWithin(REDRAW_MS));
    upload.addEventListener("error", () => this.#showError(upload.error));
    this.#draw();
    this.dispatchEvent(new Event("change"));
    this.#keepFocus();
  }

  /** Tells screen readers. @param {string} sentence */
  announce(sentence) {
    this.parts.announcer.textContent = sentence;
  }

  #onGo() {
    if (!this.upload) return;
    if (GO_BUTTON[this.upload.state] === "pause") this.upload.pause();
    else this.upload.resume();
  }

  #onDrop() {
    // The button may be pressed once more before the first press has been drawn.
    if (this.upload?.state !== "aborting") this.upload?.cancel();
  }

  /** @param {ShownUpload} upload */
  #onStateChange(upload) {
    if (upload.state === "aborted") {
      this.upload = null;
      this.announce(this.#texts["aborted"] ?? "");
    } else if (upload.state !== "uploading" && upload.state !== "failed") {
      this.announce(`${upload.file.name}: ${statusLine(upload, this.#texts, this.#words)}`);
    }
    if (upload.state !== "failed") this.#showError(null);
    this.#draw();
    this.dispatchEvent(new Event("change"));
    this.#keepFocus();
  }

  /** What had the focus may be gone now; the keyboard must not start again at the top of the page. */
  #keepFocus() {
    const { file, input } = this.parts;
    const focused = document.activeElement;
    if (!focused || focused === document.body || focused.getClientRects().length > 0) return;
    (this.upload ? file : input).focus({ preventScroll: true });
  }

  /** @param {number} delayMs */
  #drawWithin(delayMs) {
    const atMs = performance.now() + delayMs;
    if (atMs >= this.#redrawAtMs) return;
    clearTimeout(this.#redraw);
    this.#redrawAtMs = atMs;
    this.#redraw = setTimeout(() => this.#draw(), delayMs);
  }

  #draw() {
    clearTimeout(this.#redraw);
    this.#redrawAtMs = Infinity;
    const { upload, parts } = this;
    parts.choose.hidden = upload !== null;
    parts.file.hidden = upload === null;
    if (!upload) return;

    const { loaded, total } = upload.progress;
    parts.progress.value = upload.state === "complete" ? 1 : total === 0 ? 0 : loaded / total;
    // Where the portal refused the file there is nothing kept, and the error says all.
    const neverBegan = upload.state === "failed" && upload.upload === null;
    parts.status.textContent = neverBegan ? "" : statusLine(upload, this.#texts, this.#words);
    parts.progress.hidden = neverBegan || upload.state === "complete";
    this.#drawButtons(upload.state, neverBegan);
    if (upload.state === "uploading") {
      this.#announceStep(upload);
      this.#drawWithin(REDRAW_WITHOUT_PROGRESS_MS);
    }
    this.dispatchEvent(new Event("draw"));
  }

  /** @param {State} state @param {boolean} neverBegan */
  #drawButtons(state, neverBegan) {
    const { go, drop } = this.parts;
    const goText = GO_BUTTON[state];
    go.hidden = goText === undefined;
    // Written only when it changes: a rewritten button is read out again.
    setText(go, goText === undefined ? "" : (this.#texts[goText] ?? ""));
    const dropText = state === "complete" ? "remove" : neverBegan ? "choose_other" : "cancel";
    setText(drop, this.#texts[dropText] ?? "");
    // Not `disabled`: that would take the focus away from whoever pressed it.
    drop.setAttribute("aria-disabled", String(state === "aborting"));
  }

  /** @param {ShownUpload} upload */
  #announceStep(upload) {
    const { loaded, total } = upload.progress;
    const step = announcedStep(loaded, total);
    if (step <= this.#announcedStep) return;
    this.#announcedStep = step;
    const percent = this.#words.percent(step / 100);
    this.announce(fill(this.#texts["announce_percent"], { name: upload.file.name, percent }));
  }

  /** @param {string} reason @param {Record<string, string>} values */
  #refuse(reason, values) {
    this.#showError(new UploadError(reason, "", { sentence: fill(this.#texts[reason], values) }));
  }

  /** @param {UploadError | null} error */
  #showError(error) {
    const { parts } = this;
    parts.error.hidden = error === null;
    parts["error-sentence"].textContent = error ? errorSentence(error, this.#texts) : "";
    parts["error-details"].textContent = error ? errorDetails(error) : "";
    parts["error-fold"].hidden = !error?.message;
  }
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
