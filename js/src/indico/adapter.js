/**
 * The upload protocol as Indico speaks it: JSON by POST, an address a call below the dialog's own.
 */

import { UploadError } from "../core/errors.js";
import { postJson } from "../core/post-json.js";

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
    // Without the second, Indico answers with pages instead of JSON.
    const headers = { "X-CSRF-Token": csrfToken(), "X-Requested-With": "XMLHttpRequest" };
    return resultOf(await postJson(`${base}/${name}`, body, { headers, fetch }));
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
 * @param {import("../core/post-json.js").Answer} answer
 * @returns {any}
 * @throws {UploadError}
 */
function resultOf({ ok, status, statusText, text, json, retryAfterMs }) {
  if (ok && json !== null) return json;
  // Refusals of the protocol are flat; Indico's own (no login, no permission, a locked event) are not.
  const { code, message, ...facts } = json?.error ?? json ?? {};
  const known = typeof code === "string" ? code : ok ? "unreadable_answer" : `http_${status}`;
  const sentence = typeof message === "string" ? message : "";
  const details = `${status} ${statusText}: ${sentence || text.slice(0, 200)}`;
  throw new UploadError(known, details, { status, sentence, retryAfterMs, facts });
}
