/**
 * What the publisher reads: sentences put together from the page's texts and an upload's facts.
 *
 * The texts come from the template, translated by the portal; placeholders are in braces.
 */

/** @typedef {Readonly<Record<string, string>>} Texts */
/** @typedef {import("./number-words.js").NumberWords} NumberWords */
/** @typedef {Pick<import("../core/upload.js").MultipartUpload, "state" | "progress">} Shown */

/**
 * @param {string | undefined} text for example "Saving when the upload is done ({time} left)"
 * @param {Readonly<Record<string, string>>} [values]
 * @returns {string}
 */
export function fill(text = "", values = {}) {
  return text.replace(/\{(\w+)\}/g, (placeholder, name) => values[name] ?? placeholder);
}

/**
 * One line under the bar: how far, how fast, how long; or what the upload waits for.
 *
 * @param {Shown} upload
 * @param {Texts} texts
 * @param {NumberWords} words
 * @param {boolean} [isWaiting] nothing moves
 * @returns {string}
 */
export function statusLine(upload, texts, words, isWaiting = false) {
  const { loaded, total, bytesPerSecond, eta } = upload.progress;
  const percent = words.percent(total === 0 ? 0 : loaded / total);
  switch (upload.state) {
    case "uploading": {
      if (loaded === total && total > 0) return texts["completing"] ?? "";
      if (isWaiting) return `${percent} · ${texts["waiting"] ?? ""}`;
      const line = [percent];
      if (bytesPerSecond !== null) line.push(words.speed(bytesPerSecond));
      if (eta !== null) line.push(fill(texts["time_left"], { time: words.duration(eta) }));
      return line.join(" · ");
    }
    case "paused":
    case "offline":
      return fill(texts[upload.state], { percent });
    default:
      return texts[upload.state] ?? "";
  }
}

/**
 * What the store had of a file when it was chosen; "" where it had nothing, and where the rest has been sent since.
 *
 * @param {{readonly loaded: number, readonly total: number}} progress at the moment when sending begins
 * @param {import("../core/states.js").State} state where the upload is now
 * @param {Texts} texts
 * @param {NumberWords} words
 * @returns {string}
 */
export function beforeLine({ loaded, total }, state, texts, words) {
  if (loaded === 0 || (loaded < total && state === "complete")) return "";
  return fill(texts[loaded < total ? "going_on" : "stored_before"], { percent: words.percent(loaded / total) });
}

/**
 * What to tell the publisher about a failure, and what to do about it. The portal's own sentence is
 * the best one: it knows the limits and the language.
 *
 * @param {import("../core/errors.js").UploadError} error
 * @param {Texts} texts
 * @returns {string}
 */
export function errorSentence(error, texts) {
  // But it does not know that there is a form that should not be left.
  if (error.code === "not_signed_in") return texts["error_not_signed_in"] ?? "";
  if (error.sentence) return error.sentence;
  const isOfPortal = error.code === "store_refused" && concernsSettings(error);
  const byCode = texts[isOfPortal ? "error_store_settings" : `error_${error.code}`];
  if (byCode) return fill(byCode, { part: String(error.facts["part"]) });
  if (error.status === 401 || error.status === 403) return texts["error_not_allowed"] ?? "";
  if (error.isGone) return texts["error_upload_gone"] ?? "";
  if (error.status >= 500) return texts["error_portal_failed"] ?? "";
  return texts["error_unexpected"] ?? "";
}

/** What a store answers to a request that is signed for another region, bucket or key (S3 API, "Error responses"). */
const SETTINGS_CODES =
  /Region|Location|Redirect|Authorization|AccessDenied|AccessKey|Signature|Token|Credential|NoSuchBucket|AllAccessDisabled|AccountProblem|NotSignedUp|InvalidObjectState|KMS|Checksum|MissingSecurityHeader|InvalidBucketName|ServerSideEncryption|InvalidRequest|InvalidArgument|NotImplemented|MethodNotAllowed|EncryptionAlgorithm|InvalidURI|InvalidHost|UserSuspended|QuotaExceeded/;

/**
 * Whether the store refuses what the portal signed, which is a matter of settings and not of the file.
 *
 * @param {import("../core/errors.js").UploadError} error
 */
function concernsSettings({ status, facts }) {
  const code = facts["store_code"];
  // An answer without a code of S3's comes from something else on the way, for example a virus scanner.
  return typeof code === "string" && code !== "" && (status === 401 || status === 403 || SETTINGS_CODES.test(code));
}

/**
 * What is known of an unfinished upload: "61 % of 58.1 GB, Tuesday 14:02"; of a refused one, why it is.
 *
 * @param {import("../core/portal-calls.js").PortalUpload} upload
 * @param {Texts} texts
 * @param {NumberWords} words
 * @param {Date} now
 * @returns {string}
 */
export function unfinishedLine(upload, texts, words, now) {
  const size = words.size(upload.size);
  if (upload.state === "adopting") return fill(texts["adopting_line"], { size });
  if (upload.state === "quarantined") return fill(texts["quarantined_line"], { size });
  if (upload.state === "refused") return `${fill(texts["refused_line"], { size })} ${upload.refusal?.message ?? ""}`;
  const when = words.moment(new Date(upload.created_at ?? now), now);
  if (upload.state === "completed") return fill(texts["stored_line"], { size, when });
  const percent = words.percent((upload.stored_bytes ?? 0) / upload.size);
  return fill(texts["unfinished_line"], { percent, size, when });
}

/**
 * Why a file is not the one that an upload was begun with.
 *
 * @param {import("../core/fingerprint.js").Difference} difference
 * @param {Texts} texts
 * @param {NumberWords} words
 * @returns {string}
 */
export function differenceSentence({ reason, expected, given }, texts, words) {
  return fill(texts[`differs_${reason}`], differing(reason, expected, given, words));
}

/**
 * @param {string} reason
 * @param {unknown} expected
 * @param {unknown} given
 * @param {NumberWords} words
 * @returns {Record<string, string>}
 */
function differing(reason, expected, given, words) {
  if (reason === "size") {
    // Rounded, two sizes that differ may read the same.
    const say = words.size(Number(expected)) === words.size(Number(given)) ? words.bytes : words.size;
    return { expected: say(Number(expected)), given: say(Number(given)) };
  }
  if (reason === "modified") {
    const say = (/** @type {unknown} */ ms) => words.instant(new Date(Number(ms)));
    return { expected: say(expected), given: say(given) };
  }
  return { expected: String(expected), given: String(given) };
}

/**
 * For the details fold: what an administrator wants to read.
 *
 * @param {import("../core/errors.js").UploadError} error
 * @returns {string}
 */
export function errorDetails(error) {
  const facts = Object.entries(error.facts).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  const cause = error.cause ? [String(error.cause)] : [];
  return [`${error.code}: ${error.message}`, ...facts, ...cause].join("\n");
}

/**
 * The step of ten percent that was reached, for announcements: often enough to follow, rarely
 * enough to work beside.
 *
 * @param {number} loaded
 * @param {number} total
 * @returns {number} 0, 10, … 100
 */
export function announcedStep(loaded, total) {
  return total === 0 ? 0 : Math.floor((loaded / total) * 10) * 10;
}
