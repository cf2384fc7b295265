/**
 * The uploader's field on the page: the markup of templates/s3portal/uploader.html, brought to life.
 *
 * A list of files and a place to drop more. Knows uploads and nothing of the portal's form around it;
 * `ckan/form.js` joins the two.
 */

import { Announcer } from "./announcer.js";
import { areSame, watchFileInput } from "./chosen-files.js";
import { systemClock } from "../core/clock.js";
import { watchForDrops } from "./drop-zone.js";
import { showError } from "./error-box.js";
import { UploadError } from "../core/errors.js";
import { FileRow } from "./file-row.js";
import { partsOf, rowParts } from "./parts.js";
import { announcedStep, fill } from "./sentences.js";
import { safeFilename } from "./safe-filename.js";
import { standing, totalProgress } from "./totals.js";

/** @typedef {import("./file-row.js").ShownUpload} ShownUpload */
/** @typedef {import("../core/states.js").State} State */
/** @typedef {import("./chosen-files.js").ChosenFile} ChosenFile */

/** States that screen readers are told of, whatever else they are told. `failed` has an alert of its own. */
const OUTCOMES = new Set(/** @type {State[]} */ (["paused", "offline", "complete", "aborting"]));
/** States that something better follows upon soon. */
const PASSING = new Set(/** @type {State[]} */ (["preparing", "completing"]));

/**
 * Dispatches `change` whenever a file came or went or the state of its upload changed, `draw` when figures
 * were drawn again, and `giveback` {upload} when an upload whose file cannot be read left the field.
 */
export class UploadField extends EventTarget {
  /** Elements that the form around may want to place or fill. */
  parts;
  #root;
  #texts;
  #words;
  #maxSize;
  #open;
  #capacity;
  /** @type {FileRow[]} */
  #rows = [];
  #announcer;
  #announcedStep = 0;
  /** Names of files that are published already. @type {string[]} */
  #published = [];
  #isLocked = false;
  /** The row whose file is to be chosen again. @type {FileRow | null} */
  #choosingFor = null;

  /**
   * @param {HTMLElement} root the template's outermost element
   * @param {object} needs
   * @param {import("./sentences.js").Texts} needs.texts
   * @param {import("./number-words.js").NumberWords} needs.words
   * @param {number} needs.maxSize bytes; 0 for no limit
   * @param {number} needs.capacity how many files the form takes
   * @param {(chosen: ChosenFile) => ShownUpload & {start: () => void}} needs.open
   */
  constructor(root, { texts, words, maxSize, capacity, open }) {
    super();
    this.#root = root;
    this.#texts = texts;
    this.#words = words;
    this.#maxSize = maxSize;
    this.#capacity = capacity;
    this.#open = open;
    this.parts = partsOf(root);
    this.#announcer = new Announcer((text) => (this.parts.announcer.textContent = text), systemClock);
    this.parts.input.multiple = capacity > 1;
    this.parts.limit.textContent = maxSize ? fill(texts["up_to"], { size: words.size(maxSize) }) : "";
    watchFileInput(this.parts.input, (files) => this.take(files));
    watchForDrops(root, {
      takes: () => this.hasRoom && !root.hidden && !this.#isLocked,
      files: (files) => this.take(files),
      folders: (names) => this.#refuse(names.map((name) => fill(texts["no_folder"], { name }))),
    });
    // No one can press "Undo" on a page that is gone.
    addEventListener("pagehide", () => this.settle());
  }

  /** @returns {ShownUpload[]} in the publisher's order, without those that were given up */
  get uploads() {
    return this.#standingRows.map((row) => row.upload);
  }

  /** @returns {FileRow[]} those of the uploads */
  get rows() {
    return this.#standingRows;
  }

  /** @returns {string[]} names of the form's files that are published already */
  get published() {
    return this.#published;
  }

  /** While the form is being saved nothing of it comes or goes. @param {boolean} isLocked */
  set isLocked(isLocked) {
    // Not the whole: what is announced would not be heard.
    for (const part of ["unfinished", "files-part", "choose"]) {
      this.parts[/** @type {"unfinished" | "files-part" | "choose"} */ (part)].inert = isLocked;
    }
    this.#isLocked = isLocked;
  }

  /** @returns {boolean} a file stands here, or one that can be had back: nothing moves until that is decided */
  get isTaken() {
    return this.#rows.some((row) => !row.isGivenUp || row.canComeBack);
  }

  /** @returns {boolean} another file may come */
  get hasRoom() {
    return this.uploads.length < this.#capacity;
  }

  /** A discarded upload can no longer be restored. */
  settle() {
    for (const row of this.#rows) row.settle();
  }

  /**
   * Uploads files, but those that are too large to begin with, or in the form already.
   *
   * @param {ChosenFile[]} files
   */
  take(files) {
    this.#replaceUnreadable(files);
    if (this.uploads.length + files.length > this.#capacity) {
      const text = this.#texts[this.#capacity === 1 ? "one_file" : "too_many"];
      this.#refuse([fill(text, { count: String(this.#capacity) })]);
      return;
    }
    const tooLarge = files.filter(({ file }) => this.#maxSize && file.size > this.#maxSize);
    const inForm = files.filter(({ file }) => this.uploads.some((upload) => areSame(upload.file, file)));
    this.#refuse([
      ...tooLarge.map(({ file }) => this.#tooLarge(file)),
      ...inForm.map(({ file: { name } }) => fill(this.#texts["in_form"], { name })),
    ]);
    for (const chosen of files) {
      if (tooLarge.includes(chosen) || inForm.includes(chosen)) continue;
      const upload = this.#open(chosen);
      this.show(upload);
      upload.start();
    }
  }

  /** @param {ShownUpload} upload */
  show(upload) {
    // Its place is taken: it cannot come back into a form that is full.
    if (this.#rows.length >= this.#capacity) this.settle();
    const parts = rowParts(this.parts.row);
    this.parts.files.append(parts.file);
    const row = new FileRow(parts, upload, { texts: this.#texts, words: this.#words, clock: systemClock });
    this.#rows.push(row);
    row.addEventListener("change", () => this.#onRowChange(row));
    row.addEventListener("draw", () => this.#onDraw());
    row.addEventListener("waiting", () => this.announceProgress(`${safeFilename(upload.file.name)}: ${row.status}`));
    row.addEventListener("takenup", () => this.announce(`${upload.file.name}: ${parts.before.textContent}`));
    row.addEventListener("choose", () => {
      this.#choosingFor = row;
      this.parts.input.click();
    });
    this.#announcedStep = 0;
    this.#draw();
  }

  /**
   * These are files of resources now: nothing remains to be done with them here, and the form says so.
   *
   * @param {string[]} names
   * @param {ShownUpload[]} [uploads] those of them that stand in the field
   */
  showPublished(names, uploads = []) {
    this.#published.push(...names.map(safeFilename));
    this.parts.published.textContent = fill(this.#texts["published"], { names: this.#published.join(", ") });
    this.parts.published.hidden = false;
    const gone = this.#rows.filter((row) => uploads.includes(row.upload));
    this.#rows = this.#rows.filter((row) => !gone.includes(row));
    for (const row of gone) row.parts.file.remove();
    this.#draw();
  }

  /** Tells screen readers how far something is, where that disturbs nothing. @param {string} sentence */
  announceProgress(sentence) {
    this.#announcer.tellProgress(sentence);
  }

  /** Tells screen readers what came of something. @param {string} sentence */
  announce(sentence) {
    this.#announcer.tell(sentence);
  }

  /** Puts the keyboard where the publisher has to decide something. */
  focusStopped() {
    const { parts } = this.#rows.find((row) => row.upload.state === "failed") ?? {};
    (parts?.go.hidden ? parts.drop : parts?.go)?.focus();
  }

  get #standingRows() {
    return this.#rows.filter((row) => !row.isGivenUp);
  }

  /**
   * What is chosen now replaces what can no longer be read. That upload can be resumed if it is the same
   * file.
   *
   * @param {ChosenFile[]} files
   */
  #replaceUnreadable(files) {
    const names = new Set(files.map(({ file }) => file.name));
    for (const row of this.#rows.filter((each) => each.isUnreadable)) {
      if (row !== this.#choosingFor && !names.has(row.upload.file.name)) continue;
      this.#rows = this.#rows.filter((other) => other !== row);
      const { upload } = row.upload;
      if (upload) this.dispatchEvent(new CustomEvent("giveback", { detail: { upload } }));
      this.#draw(row);
    }
    this.#choosingFor = null;
  }

  /** @param {FileRow} row */
  #onRowChange(row) {
    const { upload } = row;
    if (upload.state === "aborted") {
      this.#rows = this.#rows.filter((other) => other !== row);
      this.announce(this.#texts["aborted"] ?? "");
    } else if (row.isGivenUp || OUTCOMES.has(upload.state)) {
      this.announce(`${upload.file.name}: ${row.status}`);
    } else if (PASSING.has(upload.state)) {
      this.#announcer.tellProgress(`${upload.file.name}: ${row.status}`);
    }
    this.#draw(upload.state === "aborted" ? row : null);
  }

  /** @param {FileRow | null} [gone] */
  #draw(gone = null) {
    const { parts } = this;
    parts["files-part"].hidden = this.#rows.length === 0;
    parts.choose.hidden = !this.hasRoom;
    parts.choose.classList.toggle("s3portal-more", this.#rows.length > 0);
    parts.several.hidden = this.uploads.length < 2;
    this.dispatchEvent(new Event("change"));
    this.#keepFocus(gone);
    gone?.parts.file.remove();
  }

  #onDraw() {
    this.#announceStep();
    this.dispatchEvent(new Event("draw"));
  }

  /**
   * What had the focus may be gone now; the keyboard must not start again at the top of the page.
   *
   * @param {FileRow | null} gone
   */
  #keepFocus(gone) {
    const focused = document.activeElement;
    const isLost = !focused || focused === document.body || focused.getClientRects().length === 0;
    if (!isLost && !gone?.parts.file.contains(focused)) return;
    if (focused && focused !== document.body && !this.#root.contains(focused)) return;
    const last = this.#rows.at(-1)?.parts.file;
    (this.hasRoom && gone ? this.parts.input : (last ?? this.parts.input)).focus({ preventScroll: true });
  }

  #announceStep() {
    const { uploads } = this;
    if (standing(uploads) !== "working") return;
    const { loaded, total } = totalProgress(uploads);
    const step = announcedStep(loaded, total);
    if (step <= this.#announcedStep) return;
    const percent = this.#words.percent(step / 100);
    const text = this.#texts[uploads.length > 1 ? "announce_percent_of_all" : "announce_percent"];
    const values = { name: uploads[0]?.file.name ?? "", count: String(uploads.length), percent };
    // What was not said is due again when the figures are drawn next.
    if (this.#announcer.tellProgress(fill(text, values))) this.#announcedStep = step;
  }

  /** @param {File} file */
  #tooLarge({ name, size }) {
    const limit = this.#words.size(this.#maxSize);
    return fill(this.#texts["too_large"], { name, size: this.#words.size(size), limit });
  }

  /** @param {string[]} sentences none: all problems are solved */
  #refuse(sentences) {
    const error = sentences.length === 0 ? null : new UploadError("refused", "", { sentence: sentences.join("\n") });
    showError(this.parts, error, this.#texts);
  }
}
