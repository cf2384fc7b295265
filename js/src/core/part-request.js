/**
 * One part on its way: a PUT of a Blob slice by XHR, because fetch reports no upload progress.
 *
 * Never rejects: what happened is the answer, and `retry.js` decides about it.
 */

import { parseRetryAfter } from "./retry.js";

/**
 * @typedef {{kind: "stored", etag: string | null, checksum: string | null}
 *   | {kind: "cancelled"}
 *   | ({kind: "failed"} & import("./retry.js").Failure)} PartOutcome
 */

/**
 * @typedef {object} PartRequestParts
 * @property {typeof XMLHttpRequest} XMLHttpRequest
 * @property {import("./clock.js").Clock} clock
 * @property {number} stallTimeoutMs no byte moved for so long: stopped, and worth another try
 * @property {AbortSignal} signal
 * @property {string} checksumHeader where the answer says what arrived, in lower case; "" for nowhere
 * @property {(bytes: number) => void} onProgress bytes of this part on their way
 */

/** The browser sets these itself and forbids them to scripts, although the signature names them. */
const SET_BY_BROWSER = new Set(["content-length", "host"]);

/**
 * @param {{url: string, headers: Readonly<Record<string, string>>}} signed
 * @param {Blob} body
 * @param {PartRequestParts} parts
 * @returns {Promise<PartOutcome>}
 */
export function sendPart(signed, body, { XMLHttpRequest, clock, stallTimeoutMs, signal, checksumHeader, onProgress }) {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve({ kind: "cancelled" });
      return;
    }
    const xhr = new XMLHttpRequest();
    /** @type {unknown} */
    let stallTimer;
    const watchForStall = () => {
      clock.clearTimer(stallTimer);
      stallTimer = clock.setTimer(() => finish(noAnswer("no byte moved"), true), stallTimeoutMs);
    };
    const cancel = () => finish({ kind: "cancelled" }, true);
    /** @param {PartOutcome} outcome @param {boolean} [stop] */
    const finish = (outcome, stop = false) => {
      clock.clearTimer(stallTimer);
      signal.removeEventListener("abort", cancel);
      xhr.onload = xhr.onerror = xhr.onabort = xhr.upload.onprogress = null;
      if (stop) xhr.abort();
      resolve(outcome);
    };

    xhr.upload.onprogress = (event) => {
      watchForStall();
      onProgress(Math.min(event.loaded, body.size));
    };
    xhr.onload = () => finish(readAnswer(xhr, clock, checksumHeader));
    xhr.onerror = () => finish(noAnswer("the connection failed"));
    xhr.onabort = () => finish(noAnswer("stopped"));
    signal.addEventListener("abort", cancel, { once: true });

    xhr.open("PUT", signed.url);
    for (const [name, value] of Object.entries(signed.headers)) {
      if (!SET_BY_BROWSER.has(name.toLowerCase())) xhr.setRequestHeader(name, value);
    }
    watchForStall();
    xhr.send(body);
  });
}

/** @param {string} message @returns {PartOutcome} */
function noAnswer(message) {
  return { kind: "failed", status: 0, code: "", message, retryAfterMs: null };
}

/**
 * @param {XMLHttpRequest} xhr
 * @param {import("./clock.js").Clock} clock
 * @param {string} checksumHeader
 * @returns {PartOutcome}
 */
function readAnswer(xhr, clock, checksumHeader) {
  if (xhr.status >= 200 && xhr.status < 300) {
    return { kind: "stored", etag: header(xhr, "etag"), checksum: checksumHeader ? header(xhr, checksumHeader) : null };
  }
  return {
    kind: "failed",
    status: xhr.status,
    code: element(xhr.responseText, "Code"),
    message: element(xhr.responseText, "Message") || xhr.statusText,
    retryAfterMs: parseRetryAfter(header(xhr, "retry-after"), clock.today()),
    serverTimeMs: Date.parse(element(xhr.responseText, "ServerTime")) || undefined,
  };
}

/**
 * A header that CORS lets us see. `getResponseHeader` would write an error to the console for each
 * part where the bucket does not expose it.
 *
 * @param {XMLHttpRequest} xhr
 * @param {string} name in lower case
 * @returns {string | null}
 */
function header(xhr, name) {
  const lines = (xhr.getAllResponseHeaders() ?? "").split("\r\n");
  const line = lines.find((candidate) => candidate.toLowerCase().startsWith(`${name}:`));
  return line === undefined ? null : line.slice(name.length + 1).trim();
}

/**
 * The text of an element of S3's flat error documents; no parser, the text is never shown as markup.
 *
 * @param {string} xml
 * @param {string} name
 * @returns {string}
 */
function element(xml, name) {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";
}
