/**
 * One file in the field: its name, how far it is, what it waits for, and the buttons for it.
 *
 * Every text is set as text, never as markup: a file's name may be anything.
 */

import { showError } from "./error-box.js";
import { beforeLine, statusLine } from "./sentences.js";
import { safeFilename } from "./safe-filename.js";
import { STANDSTILL_MS } from "../core/speed.js";
import { Undo } from "./undo.js";

/** @typedef {import("../core/states.js").State} State */

/**
 * What a row shows: a `MultipartUpload`, or one that is complete already (`form/stored-upload.js`).
 *
 * @typedef {EventTarget & Pick<import("../core/upload.js").MultipartUpload, "state" | "error" | "progress" | "pause"
 *   | "resume" | "cancel"> & {readonly file: {readonly name: string,
 *   readonly size: number, readonly lastModified?: number}, readonly upload: Partial<import("../core/portal-calls.js").PortalUpload> & {readonly id: string} | null}} ShownUpload
 */

/**
 * @typedef {object} RowNeeds
 * @property {import("./sentences.js").Texts} texts
 * @property {import("./number-words.js").NumberWords} words
 * @property {import("../core/clock.js").Clock} clock
 */

/** Figures that change more often than this cannot be read. */
const REDRAW_MS = 250;
/** Without progress it is said that we wait. */
const REDRAW_WITHOUT_PROGRESS_MS = 1_000;
/** Giving up so much can be undone for a while; less is sent again sooner than it is thought about. */
const UNDO_FROM_BYTES = 50_000_000;

/** What the first button does in each state; it is away where nothing stands. */
const GO_BUTTON = /** @type {Partial<Record<State, "pause" | "resume" | "try_again">>} */ ({
  preparing: "pause",
  uploading: "pause",
  offline: "pause",
  paused: "resume",
  failed: "try_again",
});

/** The file is too large, of a type that is not allowed, or has something that the portal cannot keep. */
const FINAL_STATUSES = new Set([413, 415, 422]);
/** The portal looked at a file that had arrived, and has removed it: the same file would be refused again. */
const NOT_ACCEPTED_CODES = new Set(["file_infected", "too_large_to_check", "refused_by_extension"]);

let rowCount = 0;

/**
 * Dispatches `change` when the state of its upload changed or it was given up or taken back, `draw` when its
 * figures were drawn again, `waiting` when nothing moves, `takenup` when it resumes with what was uploaded
 * before, and `choose` when the publisher wants to choose the file again.
 */
export class FileRow extends EventTarget {
  upload;
  parts;
  #texts;
  #words;
  #clock;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #redraw;
  #redrawAtMs = Infinity;
  /** When bytes moved last, or began to be sent. */
  #movedAtMs = 0;
  #wasWaiting = false;
  /** What the store had when sending began. */
  #before = { loaded: 0, total: 0 };
  /** While giving up can be undone. @type {Undo | null} */
  #undo = null;
  /** It was on its way when it was given up. */
  #wasMoving = false;

  /**
   * @param {import("./parts.js").RowParts} parts a copy of the template's row, where the page shows it
   * @param {ShownUpload} upload
   * @param {RowNeeds} needs
   */
  constructor(parts, upload, { texts, words, clock }) {
    super();
    this.parts = parts;
    this.upload = upload;
    this.#texts = texts;
    this.#words = words;
    this.#clock = clock;
    parts.name.textContent = safeFilename(upload.file.name);
    parts.name.id = `s3portal-name-${++rowCount}`;
    parts.size.textContent = words.size(upload.file.size);
    for (const named of [parts.go, parts.drop]) named.setAttribute("aria-describedby", parts.name.id);
    for (const own of [parts["own-name"], parts["own-description"]]) {
      own.id = `s3portal-${own.dataset["s3portal"]}-${rowCount}`;
      const label = /** @type {HTMLLabelElement} */ (own.previousElementSibling);
      label.htmlFor = own.id;
      label.id = `${own.id}-label`;
      // Which file it is of, for those who do not see the row.
      own.setAttribute("aria-labelledby", `${label.id} ${parts.name.id}`);
    }
    parts.progress.setAttribute("aria-labelledby", parts.name.id);
    parts.go.addEventListener("click", () => this.#onGo());
    parts.drop.addEventListener("click", () => this.#onDrop());
    upload.addEventListener("statechange", (event) => this.#onStateChange(/** @type {CustomEvent} */ (event).detail.from));
    upload.addEventListener("progress", () => {
      this.#movedAtMs = clock.now();
      this.#drawWithin(REDRAW_MS);
    });
    upload.addEventListener("error", () => showError(parts, upload.error, texts));
    this.#draw();
  }

  /** @returns {boolean} the publisher gave it up; for a while that can be undone */
  get isGivenUp() {
    return this.#undo !== null || this.upload.state === "aborting" || this.upload.state === "aborted";
  }

  /** @returns {boolean} the file was moved, changed or deleted: trying again does not help, choosing it does */
  get isUnreadable() {
    return this.upload.state === "failed" && this.upload.error?.code === "file_unreadable";
  }

  /** @returns {boolean} it was refused for what it is: trying again does not help */
  get isFinal() {
    const { state, upload, error } = this.upload;
    if (state !== "failed" || error === null) return false;
    return NOT_ACCEPTED_CODES.has(error.code) || (upload === null && FINAL_STATUSES.has(error.status) && !error.isGone);
  }

  /** @returns {boolean} nothing moves, although no one paused it */
  get isWaiting() {
    return this.upload.state === "uploading" && this.#clock.now() - this.#movedAtMs >= STANDSTILL_MS;
  }

  /** @returns {boolean} it was given up, and can be had back */
  get canComeBack() {
    return this.#undo !== null;
  }

  /** A discarded upload can no longer be restored. */
  settle() {
    this.#undo?.commit();
  }

  #onGo() {
    if (this.#undo) this.#takeBack(this.#undo);
    else if (this.isUnreadable) this.dispatchEvent(new Event("choose"));
    else if (GO_BUTTON[this.upload.state] === "pause") this.upload.pause();
    else this.upload.resume();
  }

  #onDrop() {
    const { upload } = this;
    // The button may be pressed once more before the first press has been drawn.
    if (upload.state === "aborting" || upload.state === "aborted") return;
    if (upload.progress.loaded < UNDO_FROM_BYTES || upload.state === "completing") {
      upload.cancel();
      return;
    }
    this.#undo = new Undo(() => {
      this.#undo = null;
      upload.cancel();
    }, this.#clock);
    this.#wasMoving = upload.state === "uploading" || upload.state === "offline";
    if (this.#wasMoving) upload.pause();
    this.#draw();
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Undo} undo */
  #takeBack(undo) {
    undo.undo();
    this.#undo = null;
    if (this.#wasMoving) this.upload.resume();
    else {
      this.#draw();
      this.dispatchEvent(new Event("change"));
    }
  }

  /** @param {State} from */
  #onStateChange(from) {
    const { state, progress } = this.upload;
    this.#movedAtMs = this.#clock.now();
    if (state !== "failed") showError(this.parts, null, this.#texts);
    const begins = from === "preparing" && state === "uploading";
    if (begins) this.#before = { loaded: progress.loaded, total: progress.total };
    this.#draw();
    if (begins && this.parts.before.textContent) this.dispatchEvent(new Event("takenup"));
    this.dispatchEvent(new Event("change"));
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
    const { loaded, total } = upload.progress;
    parts.progress.value = upload.state === "complete" ? 1 : total === 0 ? 0 : loaded / total;
    const nothingKept = this.#isNothingKept;
    parts.status.textContent = this.status;
    setText(parts.before, beforeLine(this.#before, upload.state, this.#texts, this.#words));
    parts.progress.hidden = nothingKept || this.#undo !== null || upload.state === "complete";
    this.#drawButtons(upload.state, nothingKept);
    if (this.isWaiting && !this.#wasWaiting) this.dispatchEvent(new Event("waiting"));
    this.#wasWaiting = this.isWaiting;
    if (upload.state === "uploading") this.#drawWithin(REDRAW_WITHOUT_PROGRESS_MS);
    this.dispatchEvent(new Event("draw"));
  }

  /** @returns {string} the line below the bar */
  get status() {
    const { upload } = this;
    if (this.#undo) return this.#texts["given_up"] ?? "";
    if (this.#isNothingKept) return "";
    return statusLine(upload, this.#texts, this.#words, this.isWaiting);
  }

  /** @returns {boolean} the portal refused the file, so there is nothing of it, and the error says all */
  get #isNothingKept() {
    const { state, upload, error } = this.upload;
    return state === "failed" && (upload === null || (error !== null && NOT_ACCEPTED_CODES.has(error.code)));
  }

  /** @param {State} state @param {boolean} nothingKept */
  #drawButtons(state, nothingKept) {
    const { go, drop } = this.parts;
    const goText = this.#undo ? "undo" : this.isUnreadable ? "choose_again" : this.isFinal ? undefined : GO_BUTTON[state];
    go.hidden = goText === undefined;
    // Written only when it changes: a rewritten button is read out again.
    setText(go, goText === undefined ? "" : (this.#texts[goText] ?? ""));
    drop.hidden = this.#undo !== null;
    setText(drop, this.#texts[state === "complete" || nothingKept ? "remove" : "cancel"] ?? "");
    // Not `disabled`: that would take the focus away from the user who pressed it.
    drop.setAttribute("aria-disabled", String(state === "aborting"));
  }
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
