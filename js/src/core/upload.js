/**
 * One file on its way from the browser to the store: the core, without any user interface.
 *
 * The upload asks a portal (an adapter) for a place and for signed URLs, sends the parts, and asks
 * the portal to complete. Or it takes up one that was begun before (option `resume`), and sends what
 * is missing. Its state is always one of `states.js`; a phase that ends moves to the
 * next one, and whatever interrupts (pause, lost network, failure, cancel) stops the phase and
 * remembers where to resume.
 *
 * Events, all CustomEvents with a `detail`:
 * - `statechange` {from, to}
 * - `progress` {loaded, total, bytesPerSecond, eta}; `loaded` never goes back, but to what
 *   is stored when the upload fails
 * - `partcomplete` {partNumber, etag}
 * - `partretry` {partNumber, tries, delayMs, signedAgain, failure}
 * - `credentialsrefresh` {expiration}, where the browser signs itself
 * - `complete` {upload}
 * - `error` {error}, an {@link UploadError}; the state is then `failed`, and stored parts are kept
 */

import { UploadError, asUploadError } from "./errors.js";
import { randomKey } from "./fingerprint.js";
import { whenReachable } from "./network.js";
import { parsePartRanges } from "./part-plan.js";
import { PartSender } from "./part-sender.js";
import { repeated } from "./portal-calls.js";
import { createUpload, takeUp } from "./preparation.js";
import { isPhase, requireTransition } from "./states.js";
import { withDefaults } from "./upload-options.js";

/** @typedef {import("./states.js").State} State */
/** @typedef {import("./portal-calls.js").PortalUpload} PortalUpload */
// For those who write an adapter of their own.
/** @typedef {import("./portal-calls.js").Adapter} Adapter */
/** @typedef {import("./portal-calls.js").CreateRequest} CreateRequest */
/** @typedef {import("./portal-calls.js").SignedPart} SignedPart */
/** @typedef {import("./upload-options.js").UploadOptions} UploadOptions */
/** @typedef {import("./upload-events.js").UploadEvents} UploadEvents */

/** So often the network may come back without a single part getting through. */
const FRUITLESS_RETURNS = 3;
/** So often all tries of a part are begun again, where portal and store answer otherwise. */
const FRUITLESS_GOES = 1;
/** So often the portal may find parts missing that the store had confirmed. */
const MISSING_ROUNDS = 3;
/** Telling the portal of an abort is a courtesy; an upload expires without it. */
const ABORT_TRIES = 3;

export class MultipartUpload extends /** @type {import("./upload-events.js").UploadEventTarget} */ (EventTarget) {
  #file;
  #adapter;
  #options;
  /** @type {State} */
  #state = "idle";
  /** Where to resume after an interruption. @type {import("./states.js").Phase} */
  #phase = "preparing";
  /** Aborted whenever a phase is interrupted; a new one for each go. */
  #run = new AbortController();
  /** Aborted once, when the publisher gives the upload up. */
  #life = new AbortController();
  /** Made once, so that a repeated create cannot make a second upload. */
  #idempotencyKey = randomKey();
  /** @type {ReturnType<import("./portal-calls.js").Adapter["create"]> | null} */
  #creating = null;
  /** Begun before, on this page or another, and to be taken up. @type {PortalUpload | null} */
  #unfinished;
  /** @type {PortalUpload | null} */
  #upload = null;
  /** @type {PartSender | null} */
  #sender = null;
  /** @type {UploadError | null} */
  #error = null;
  /** Goes without a single part getting through. */
  #fruitless = 0;
  #missingRounds = 0;
  /** @type {() => void} */
  #stopWatching = () => {};
  #portalUrl;

  /**
   * @param {File} file
   * @param {import("./portal-calls.js").Adapter} adapter
   * @param {import("./upload-options.js").UploadOptions} [options]
   */
  constructor(file, adapter, options = {}) {
    super();
    this.#file = file;
    this.#adapter = adapter;
    this.#portalUrl = new URL("/", adapter.url).href;
    this.#options = withDefaults(options);
    this.#unfinished = options.resume ?? null;
  }

  /** @returns {File} */
  get file() {
    return this.#file;
  }

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  /** @returns {PortalUpload | null} as the portal showed it last */
  get upload() {
    return this.#upload;
  }

  /** @returns {UploadError | null} why the upload failed last */
  get error() {
    return this.#error;
  }

  /** @returns {{loaded: number, total: number, bytesPerSecond: number | null, eta: number | null}} bytes; eta in seconds */
  get progress() {
    const total = this.#file.size;
    const loaded = this.#state === "complete" ? total : (this.#sender?.loaded ?? 0);
    const speed = this.#state === "uploading" ? this.#sender?.measure() : this.#sender?.measured;
    return { loaded, total, ...(speed ?? { bytesPerSecond: null, eta: null }) };
  }

  start() {
    this.#enter("preparing");
    this.#stopWatching = this.#options.network.watch((online) =>
      online ? this.#goOnline() : this.#goOffline(),
    );
    this.#go();
  }

  /** Stops sending at once; what the store has stays there. Not while completing. */
  pause() {
    this.#enter("paused");
    this.#interrupt();
  }

  /** Resumes after a pause or a failure. An upload that the store has forgotten starts over. */
  resume() {
    if (this.#state === "idle") throw new RangeError("Start it first.");
    const startsOver = this.#error?.isGone ?? false;
    this.#enter(startsOver ? "preparing" : this.#phase);
    if (startsOver) {
      this.#upload = this.#sender = this.#creating = this.#unfinished = null;
      this.#idempotencyKey = randomKey();
    }
    this.#error = null;
    this.#fruitless = this.#missingRounds = 0;
    this.#go();
  }

  /**
   * Gives the upload up, here and at the portal; also one that is complete, while nothing was saved
   * with it. If the portal cannot be reached, it clears up when the upload expires.
   *
   * @returns {Promise<void>} when the portal was told
   */
  async cancel() {
    if (this.#state === "idle") {
      this.#enter("aborted");
      return;
    }
    this.#enter("aborting");
    this.#interrupt();
    this.#life.abort();
    this.#stopWatching();
    // The answer to a create on its way is waited for: only it tells what there is to abort.
    const created = await this.#creating?.catch(() => null);
    // A wrong file says nothing against the upload that it was picked for.
    const unfinished = this.#error?.code === "wrong_file" ? null : this.#unfinished;
    const uploadId = this.#upload?.id ?? created?.upload.id ?? unfinished?.id;
    if (uploadId) {
      const how = this.#patience(new AbortController().signal);
      how.policy = { ...how.policy, tries: ABORT_TRIES };
      await repeated(() => this.#adapter.abort(uploadId), how).catch((error) => {
        this.#error = asUploadError(error);
      });
    }
    this.#enter("aborted");
  }

  /** @param {State} to */
  #enter(to) {
    const from = this.#state;
    requireTransition(from, to);
    this.#state = to;
    if (isPhase(to)) this.#phase = to;
    this.#tell("statechange", { from, to });
  }

  /** @param {string} type @param {object} [detail] */
  #tell(type, detail = this.progress) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {AbortSignal} signal */
  #patience(signal) {
    const { retry: policy, clock, random } = this.#options;
    return { policy, clock, random, signal };
  }

  /** Runs phase after phase until the upload is complete or something interrupts. */
  async #go() {
    const signal = this.#interrupt();
    try {
      while (isPhase(this.#state)) {
        const next = await this.#runPhase(this.#state, signal);
        signal.throwIfAborted();
        this.#enter(next);
      }
    } catch (error) {
      if (!signal.aborted) this.#onError(asUploadError(error));
      return;
    }
    this.#stopWatching();
    this.#tell("progress");
    this.#tell("complete", { upload: this.#upload });
  }

  /**
   * @param {import("./states.js").Phase} phase
   * @param {AbortSignal} signal
   * @returns {Promise<State>} what comes after it
   */
  async #runPhase(phase, signal) {
    if (phase === "preparing") return this.#prepare(signal);
    const sender = /** @type {PartSender} */ (this.#sender);
    if (phase === "completing") return this.#complete(sender, signal);
    await sender.sendAll(signal);
    return "completing";
  }

  /** @param {AbortSignal} signal @returns {Promise<State>} */
  async #prepare(signal) {
    // A pause does not stop it: a create that is on its way makes an upload, heard or not.
    this.#creating ??= this.#begin();
    const { upload, parts } = await this.#creating;
    signal.throwIfAborted();
    const { signer, clock } = this.#options;
    /** @param {string} type @param {object} [detail] */
    const tell = (type, detail) => {
      if (type === "partcomplete") this.#fruitless = 0;
      this.#tell(type, detail);
    };
    this.#upload = upload;
    this.#sender = new PartSender(this.#file, upload, {
      ...this.#options,
      openSigner: (upcoming) =>
        signer({
          ...{ upload, upcoming, clock, tell },
          fetchBatch: (partNumbers, fetchSignal) =>
            repeated(() => this.#adapter.signParts(upload.id, partNumbers), this.#patience(fetchSignal)),
          fetchCredentials: (fetchSignal) =>
            repeated(() => /** @type {Required<Adapter>} */ (this.#adapter).credentials(upload.id), this.#patience(fetchSignal)),
        }),
      portalUrl: this.#portalUrl,
      tell,
    });
    this.#sender.accept(parts);
    return "uploading";
  }

  /** Creates or takes up, and remembers it until it fails. */
  #begin() {
    /** @type {import("./preparation.js").AskPortal<any>} */
    const ask = async (call) => {
      const { signal } = this.#life;
      signal.throwIfAborted();
      return repeated(call, this.#patience(signal));
    };
    const how = { ...this.#options, idempotencyKey: this.#idempotencyKey };
    const creating = this.#unfinished
      ? takeUp(this.#file, this.#adapter, this.#unfinished, ask)
      : createUpload(this.#file, this.#adapter, how, ask);
    creating.catch(() => {
      if (this.#creating === creating) this.#creating = null;
    });
    return creating;
  }

  /**
   * @param {PartSender} sender
   * @param {AbortSignal} signal
   * @returns {Promise<State>}
   */
  async #complete(sender, signal) {
    const { id } = /** @type {PortalUpload} */ (this.#upload);
    try {
      const checksum = await sender.checksum(signal);
      this.#upload = await repeated(() => this.#adapter.complete(id, checksum), this.#patience(signal));
      return "complete";
    } catch (error) {
      const missing = missingParts(error);
      if (missing.length === 0 || signal.aborted || ++this.#missingRounds > MISSING_ROUNDS) throw error;
      sender.resend(missing);
      return "uploading";
    }
  }

  /** Stops whatever runs. @returns {AbortSignal} of what runs next */
  #interrupt() {
    this.#run.abort();
    this.#run = new AbortController();
    this.#sender?.rest();
    return this.#run.signal;
  }

  /** What answered before and does not now is a lost connection, and comes back. @param {UploadError} error */
  async #onError(error) {
    const isOfPart = error.code === "part_unanswered";
    const signal = this.#interrupt();
    const isThere = isOfPart && (await this.#isReached());
    if (signal.aborted) return;
    const mayComeBack = (isOfPart || error.code === "no_connection") && this.#sender?.hasStored;
    if (!mayComeBack || ++this.#fruitless > (isThere ? FRUITLESS_GOES : FRUITLESS_RETURNS)) this.#fail(error);
    else if (isThere) this.#go();
    else this.#goOffline();
  }

  /** @param {UploadError} error */
  #fail(error) {
    this.#sender?.settle();
    this.#error = error;
    this.#enter("failed");
    this.#tell("error", { error });
  }

  async #isReached() {
    const urls = [this.#portalUrl, this.#sender?.lastUrl ?? this.#portalUrl];
    return (await Promise.all(urls.map((url) => this.#options.network.reaches(url)))).every(Boolean);
  }

  #goOffline() {
    if (!isPhase(this.#state)) return;
    const signal = this.#interrupt();
    this.#enter("offline");
    whenReachable(() => this.#isReached(), this.#options.clock, signal).then(
      () => this.#goOnline(),
      // Something else came first.
      () => {},
    );
  }

  #goOnline() {
    if (this.#state !== "offline") return;
    this.#enter(this.#phase);
    this.#go();
  }
}

/** @param {unknown} error @returns {number[]} the parts that complete found missing, or not as planned */
function missingParts(error) {
  if (!(error instanceof UploadError) || error.status !== 409) return [];
  const { missing, wrong_size: wrongSize } = error.facts;
  return [missing, wrongSize].flatMap((ranges) => (typeof ranges === "string" ? parsePartRanges(ranges) : []));
}
