/**
 * The quiet box above the field: uploads of this dataset that the publisher began, here or in another
 * browser, and that no form was saved with yet. Each can be resumed or discarded. Files that the
 * publisher wrote with session credentials are among them: those that the portal is still taking over can
 * be used as soon as it has, and those that it does not accept say why.
 */

import { watchFileInput } from "../field/chosen-files.js";
import { systemClock } from "../core/clock.js";
import { differs } from "../core/fingerprint.js";
import { fileOf, forgetHandle, keptHandle } from "./kept-files.js";
import { heldUploads } from "./other-tabs.js";
import { unfinishedParts } from "../field/parts.js";
import { differenceSentence, errorSentence, fill, unfinishedLine } from "../field/sentences.js";
import { asUploadError } from "../core/errors.js";
import { safeFilename } from "../field/safe-filename.js";
import { TakeoverWatch } from "./takeover-watch.js";
import { Undo } from "../field/undo.js";

/** @typedef {import("../core/portal-calls.js").PortalUpload} PortalUpload */
/** @typedef {import("../field/chosen-files.js").ChosenFile} ChosenFile */
/** @typedef {{upload: PortalUpload, parts: import("../field/parts.js").UnfinishedParts, undo: Undo | null}} Entry */

/** Each costs a request for what the store has of it, and no one reads a longer list. */
const MOST_SHOWN = 10;

export class UnfinishedBox {
  #parts;
  #adapter;
  #texts;
  #words;
  #announce;
  #goOn;
  /** @type {Entry[]} */
  #entries = [];
  /** @type {Promise<PortalUpload[]>} */
  #listed = Promise.resolve([]);
  /** Ids of those that the form has now. @type {Set<string>} */
  #taken = new Set();
  /** Uploads that left the form. @type {PortalUpload[]} */
  #givenBack = [];
  #hasRoom = true;
  #takeovers = new TakeoverWatch(() => this.#lookAtTakeovers(), systemClock, document);

  /**
   * @param {import("../field/parts.js").Parts} parts
   * @param {object} needs
   * @param {import("../core/portal-calls.js").Adapter} needs.adapter
   * @param {import("../field/sentences.js").Texts} needs.texts
   * @param {import("../field/number-words.js").NumberWords} needs.words
   * @param {(sentence: string) => void} needs.announce tells screen readers
   * @param {(upload: PortalUpload, chosen: ChosenFile | null) => void} needs.goOn `chosen` is the upload's
   *   own file, or null where the upload is complete
   */
  constructor(parts, { adapter, texts, words, announce, goOn }) {
    this.#parts = parts;
    this.#adapter = adapter;
    this.#texts = texts;
    this.#words = words;
    this.#announce = announce;
    this.#goOn = goOn;
    addEventListener("pagehide", () => {
      for (const { undo } of this.#entries) undo?.commit();
    });
  }

  /** Asks the portal what there is. @param {string} exceptId the upload that the form has already */
  async load(exceptId) {
    this.#listed = this.#list(exceptId);
    try {
      const uploads = (await this.#listed).slice(0, MOST_SHOWN);
      const shown = await Promise.all(uploads.map((upload) => this.#shown(upload)));
      for (const upload of shown) await this.#add(upload);
    } catch (error) {
      // The form works without; what is unfinished is offered another time.
      console.warn("s3portal: unfinished uploads cannot be shown", error);
    }
  }

  /** What there was when the page came is not what there is now. */
  listAgain() {
    this.#listed = this.#list("");
  }

  /**
   * The upload of a file that was chosen or dropped as if it were new: unfinished, or complete and never
   * saved. It leaves the box.
   *
   * @param {import("../core/portal-calls.js").CreateRequest} request
   * @returns {Promise<PortalUpload | null>} with what the store has of it
   */
  async takeOut(request) {
    const [listed, held] = await Promise.all([this.#listed.catch(() => []), heldUploads()]);
    const free = listed.filter((each) => isOfUse(each) && !this.#taken.has(each.id) && !held.has(each.id));
    const givenBack = this.#givenBack.splice(0);
    const known = [...givenBack, ...free].find((upload) => isOf(upload, request));
    for (const upload of givenBack) if (upload !== known) this.#addAsItIsNow(upload);
    if (!known) return null;
    this.#taken.add(known.id);
    const entry = this.#entries.find(({ upload }) => upload.id === known.id);
    entry?.undo?.undo();
    if (entry) this.#remove(entry);
    try {
      const upload = await this.#adapter.show(known.id);
      return isOfUse(upload) ? upload : null;
    } catch (error) {
      this.#taken.delete(known.id);
      throw error;
    }
  }

  /** An upload whose file is to be chosen again: for that file, or else for the box. @param {PortalUpload} upload */
  giveBack(upload) {
    this.#taken.delete(upload.id);
    this.#givenBack.push(upload);
    // Of several files chosen at once, another may be the one.
    this.#listed = this.#listed.catch(() => []).then((listed) => [...listed, upload]);
  }

  /** @param {boolean} hasRoom whether the form takes another file */
  draw(hasRoom) {
    this.#hasRoom = hasRoom;
    const count = this.#entries.length;
    this.#parts.unfinished.hidden = !hasRoom || count === 0;
    const heading = this.#texts[count === 1 ? "unfinished_one" : "unfinished_several"] ?? "";
    this.#parts["unfinished-heading"].textContent = heading;
  }

  /** @param {string} exceptId @returns {Promise<PortalUpload[]>} those that no tab is sending at the moment */
  async #list(exceptId) {
    const [uploads, held] = await Promise.all([this.#adapter.list(), heldUploads()]);
    return uploads.filter(({ id }) => id !== exceptId && !held.has(id));
  }

  /** @param {PortalUpload} listed @returns {Promise<PortalUpload>} with what the store has of it */
  async #shown(listed) {
    // Of a whole file the store has all, and only the list says why it is not accepted.
    if (listed.state !== "uploading") return listed;
    // One that has gone in the meantime has nothing stored, and does not hold up the others.
    return this.#adapter.show(listed.id).catch(() => listed);
  }

  /** @returns {Promise<boolean>} whether the portal is still taking something over */
  async #lookAtTakeovers() {
    const listed = await this.#list("");
    this.#listed = Promise.resolve(listed);
    for (const entry of this.#entries.filter(({ upload }) => isWaitedFor(upload))) {
      const now = listed.find(({ id }) => id === entry.upload.id);
      // It was discarded elsewhere, or has been written again.
      if (!now) this.#remove(entry);
      else if (now.state !== entry.upload.state) {
        entry.upload = now;
        this.#drawEntry(entry, false);
        const name = safeFilename(now.filename);
        if (now.state === "completed") this.#announce(fill(this.#texts["taken_over"], { name }));
      }
    }
    return this.#entries.some(({ upload }) => isWaitedFor(upload));
  }

  /** @param {PortalUpload} upload */
  async #addAsItIsNow(upload) {
    const shown = await this.#adapter.show(upload.id).catch(() => null);
    if (shown) await this.#add(shown);
  }

  /** @param {PortalUpload} upload */
  async #add(upload) {
    // Resuming an empty upload saves nothing.
    if (upload.state === "uploading" && !upload.stored_bytes) return;
    if (upload.state === "attached" || upload.state === "aborted") return;
    const handle = upload.state === "uploading" ? await keptHandle(upload.id) : null;
    if (this.#taken.has(upload.id)) return;
    const parts = unfinishedParts(this.#parts["unfinished-row"]);
    const entry = /** @type {Entry} */ ({ upload, parts, undo: null });
    parts.name.textContent = safeFilename(upload.filename);
    parts.name.id = `s3portal-unfinished-${upload.id}`;
    for (const button of [parts.go, parts.drop]) button.setAttribute("aria-describedby", parts.name.id);
    parts.drop.addEventListener("click", () => this.#discard(entry));
    parts.go.addEventListener("click", () => this.#onGo(entry, handle));
    watchFileInput(parts.pick, ([chosen]) => chosen && this.#tryFile(entry, chosen));
    this.#drawEntry(entry, handle !== null);
    this.#entries.push(entry);
    this.#parts["unfinished-list"].append(parts.item);
    this.draw(this.#hasRoom);
    if (isWaitedFor(upload)) this.#takeovers.begin();
  }

  /** @param {Entry} entry @param {boolean} hasHandle */
  #drawEntry({ upload, parts, undo }, hasHandle) {
    const go = undo ? "undo" : upload.state === "completed" ? "take_stored" : hasHandle ? "resume" : "choose_to_go_on";
    parts.go.textContent = this.#texts[go] ?? "";
    parts.go.hidden = undo === null && !isOfUse(upload);
    parts.drop.hidden = undo !== null;
    parts.standing.textContent = undo
      ? (this.#texts["discarded"] ?? "")
      : unfinishedLine(upload, this.#texts, this.#words, new Date());
  }

  /** @param {Entry} entry @param {FileSystemFileHandle | null} handle */
  async #onGo(entry, handle) {
    if (entry.undo) {
      entry.undo.undo();
      entry.undo = null;
      this.#drawEntry(entry, handle !== null);
      if (entry.parts.go.hidden) entry.parts.drop.focus();
      return;
    }
    if (entry.upload.state === "completed") {
      this.#leave(entry, null);
      return;
    }
    const file = handle && (await fileOf(handle));
    if (file) await this.#tryFile(entry, { file, handle });
    else entry.parts.pick.click();
  }

  /** @param {Entry} entry @param {ChosenFile} chosen */
  async #tryFile(entry, chosen) {
    const { parts, upload } = entry;
    try {
      const difference = await differs(chosen.file, upload);
      parts.refusal.textContent = difference ? differenceSentence(difference, this.#texts, this.#words) : "";
      if (!difference) this.#leave(entry, chosen);
    } catch (error) {
      parts.refusal.textContent = errorSentence(asUploadError(error), this.#texts);
    }
  }

  /** @param {Entry} entry @param {ChosenFile | null} chosen */
  #leave(entry, chosen) {
    // The form may have been given another file while this one was being read.
    if (!this.#hasRoom) return;
    this.#taken.add(entry.upload.id);
    this.#remove(entry);
    this.#goOn(entry.upload, chosen);
  }

  /** @param {Entry} entry */
  #discard(entry) {
    entry.undo = new Undo(() => {
      this.#remove(entry);
      forgetHandle(entry.upload.id);
      // Where the portal cannot be told, its janitor removes what is too old.
      this.#adapter.abort(entry.upload.id).catch((error) => console.warn("s3portal: not discarded", error));
    }, systemClock);
    this.#drawEntry(entry, false);
    entry.parts.refusal.textContent = "";
    entry.parts.go.focus();
    this.#announce(fill(this.#texts["discarded"]));
  }

  /** @param {Entry} entry */
  #remove(entry) {
    this.#entries = this.#entries.filter((other) => other !== entry);
    const hadFocus = entry.parts.item.contains(document.activeElement);
    entry.parts.item.remove();
    this.draw(this.#hasRoom);
    if (hadFocus) this.#parts.input.focus({ preventScroll: true });
  }
}

/** @param {PortalUpload} upload @returns {boolean} a form can be saved with it, now or when it is complete */
function isOfUse({ state }) {
  return state === "uploading" || state === "completed";
}

/** @param {PortalUpload} upload @returns {boolean} the portal is taking it over, or checking it */
function isWaitedFor({ state }) {
  return state === "adopting" || state === "quarantined";
}

/**
 * @param {PortalUpload} upload
 * @param {import("../core/portal-calls.js").CreateRequest} request
 * @returns {boolean} it was begun with the file of the request
 */
function isOf(upload, { filename, size, fingerprint }) {
  // The same name may come decomposed from one computer and composed from another.
  const isNamedAlike = upload.filename.normalize() === filename.normalize();
  return isNamedAlike && upload.size === size && upload.fingerprint === fingerprint;
}
