/**
 * One call to a portal: JSON by POST, with the login of the page. What the answer means is the adapter's.
 */

import { UploadError } from "./errors.js";
import { parseRetryAfter } from "./retry.js";

/** A call that has not answered by then is taken for lost; completing a huge upload takes minutes. */
const CALL_TIMEOUT_MS = 180_000;

/**
 * @typedef {object} Answer
 * @property {boolean} ok the status is 2xx
 * @property {number} status
 * @property {string} statusText
 * @property {string} text the body
 * @property {any} json the body, read; null where it is no JSON
 * @property {number | null} retryAfterMs
 */

/**
 * @param {string} url
 * @param {object} body
 * @param {object} [how]
 * @param {Record<string, string>} [how.headers] besides Content-Type
 * @param {typeof globalThis.fetch} [how.fetch]
 * @param {boolean} [how.keepalive] the call gets through although the page is being left
 * @returns {Promise<Answer>} whatever its status is
 * @throws {UploadError} `no_connection`
 */
export async function postJson(url, body, { headers = {}, fetch = globalThis.fetch, keepalive = false } = {}) {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), CALL_TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal: timeout.signal,
      ...(keepalive && { keepalive }),
    });
    const { ok, status, statusText } = response;
    const text = await response.text();
    const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"), Date.now());
    return { ok, status, statusText, text, json: parsed(text), retryAfterMs };
  } catch (error) {
    const call = url.slice(url.lastIndexOf("/") + 1);
    throw new UploadError("no_connection", `${call}: no answer from the portal`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} text @returns {any} null where it is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
