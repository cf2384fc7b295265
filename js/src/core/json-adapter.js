/**
 * The upload protocol at its plainest: JSON by POST, an address a call, flat refusals.
 */

import { UploadError } from "./errors.js";
import { postJson } from "./post-json.js";

/**
 * @param {object} site
 * @param {string} site.api URL below which the calls are
 * @param {string} [site.query] what is added to the URL of each, beginning with "?"
 * @param {() => Record<string, string>} site.headers asked for at each call
 * @param {typeof globalThis.fetch} [site.fetch]
 * @returns {import("./portal-calls.js").Adapter}
 */
export function jsonAdapter({ api, query = "", headers, fetch = globalThis.fetch }) {
  const base = api.replace(/\/$/, "");

  /** @param {string} name @param {object} body @returns {Promise<any>} */
  async function call(name, body) {
    return resultOf(await postJson(`${base}/${name}${query}`, body, { headers: headers(), fetch }));
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

/** @returns {string} the token in the head of the page; "" where there is none */
export function pageCsrfToken() {
  return document.querySelector("meta#csrf-token")?.getAttribute("content") ?? "";
}

/**
 * @param {import("./post-json.js").Answer} answer
 * @returns {any}
 * @throws {UploadError}
 */
function resultOf({ ok, status, statusText, text, json, retryAfterMs }) {
  if (ok && json !== null) return json;
  // Refusals of the protocol are flat; a framework's own (no login, no permission) are often not.
  const { code, message, ...facts } = json?.error ?? json ?? {};
  const known = typeof code === "string" ? code : ok ? "unreadable_answer" : `http_${status}`;
  const sentence = typeof message === "string" ? message : "";
  const details = `${status} ${statusText}: ${sentence || text.slice(0, 200)}`;
  throw new UploadError(known, details, { status, sentence, retryAfterMs, facts });
}
