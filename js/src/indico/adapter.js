/**
 * The upload protocol as Indico speaks it: JSON by POST, an address a call below the dialog's own.
 */

import { UploadError } from "../core/errors.js";
import { parseRetryAfter } from "../core/retry.js";

/** A call that has not answered by then is taken for lost; completing a huge upload takes minutes. */
const CALL_TIMEOUT_MS = 180_000;

/**
 * @param {object} site
 * @param {string} site.api URL of the dialog
 * @param {() => string} [site.csrfToken] asked for at each call
 * @param {typeof globalThis.fetch} [site.fetch]
 * @returns {import("../core/portal-calls.js").Adapter}
 */
export function indicoAdapter({ api, csrfToken = pageCsrfToken, fetch = globalThis.fetch }) {
  const base = api.replace(/\/$/, "");

  /** @param {string} name @param {object} body @returns {Promise<any>} */
  async function call(name, body) {
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), CALL_TIMEOUT_MS);
    try {
      const response = await fetch(`${base}/${name}`, {
        method: "POST",
        credentials: "same-origin",
        headers: {
          "Content-Type": "application/json",
          "X-CSRF-Token": csrfToken(),
          // Indico answers with pages to whom does not say this.
          "X-Requested-With": "XMLHttpRequest",
        },
        body: JSON.stringify(body),
        signal: timeout.signal,
      });
      return resultOf(response, await response.text());
    } catch (error) {
      if (error instanceof UploadError) throw error;
      throw new UploadError("no_connection", `${name}: no answer from the portal`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    url: new URL(base, globalThis.location?.href).href,
    create: (request) => call("create", request),
    signParts: (id, partNumbers) => call("sign-parts", { id, part_numbers: partNumbers }),
    credentials: (id) => call("credentials", { id }),
    show: (id) => call("show", { id }),
    list: () => call("list", {}),
    complete: (id, checksum) => call("complete", { id, ...(checksum ? { checksum } : {}) }),
    abort: (id) => call("abort", { id }),
  };
}

/** @returns {string} the token that Indico writes into the head of its pages; "" where there is none */
export function pageCsrfToken() {
  return document.querySelector("meta#csrf-token")?.getAttribute("content") ?? "";
}

/**
 * @param {Response} response
 * @param {string} text
 * @returns {any}
 * @throws {UploadError}
 */
function resultOf(response, text) {
  const { status } = response;
  const answer = parsed(text);
  if (response.ok && answer !== null) return answer;
  const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"), Date.now());
  // Refusals of the protocol are flat; Indico's own (no login, no permission, a locked event) are not.
  const { code, message, ...facts } = answer?.error ?? answer ?? {};
  const known = typeof code === "string" ? code : response.ok ? "unreadable_answer" : `http_${status}`;
  const sentence = typeof message === "string" ? message : "";
  const details = `${status} ${response.statusText}: ${sentence || text.slice(0, 200)}`;
  throw new UploadError(known, details, { status, sentence, retryAfterMs, facts });
}

/** @param {string} text @returns {any} null where it is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
