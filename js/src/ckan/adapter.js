/**
 * The upload protocol as CKAN speaks it: an action a call, in CKAN's own envelope.
 */

import { UploadError } from "../core/errors.js";
import { postJson } from "../core/post-json.js";
import { pageCsrfToken, renewPageCsrfToken } from "./csrf-token.js";

const CHECKED_EVERY_MS = 5_000;

/**
 * @param {object} site
 * @param {string} site.api base URL of CKAN's actions, for example "/api/3/action"
 * @param {string} site.owner dataset id or name
 * @param {string} [site.resource] id of the resource whose file is replaced
 * @param {() => string} [site.csrfToken] asked for at each call
 * @param {() => Promise<boolean>} [site.renewCsrfToken] called when the token is no longer valid: whether
 *   there is another one now
 * @param {typeof globalThis.fetch} [site.fetch]
 * @returns {import("../core/portal-calls.js").Adapter}
 */
export function ckanAdapter({ api, owner, resource, ...page }) {
  const { csrfToken = pageCsrfToken, renewCsrfToken = renewPageCsrfToken, fetch = globalThis.fetch } = page;
  const base = api.replace(/\/$/, "");

  /**
   * @param {string} action
   * @param {object} body
   * @param {{keepalive?: boolean}} [how] `keepalive`: the call gets through although the page is being left
   * @returns {Promise<any>} the action's result
   */
  async function call(action, body, how = {}) {
    try {
      return await callOnce(action, body, how);
    } catch (error) {
      const isOld = error instanceof UploadError && error.code === "csrf_token_missing";
      if (!isOld || !(await renewCsrfToken().catch(() => false))) throw error;
      return callOnce(action, body, how);
    }
  }

  /** @param {string} action @param {object} body @param {{keepalive?: boolean}} how @returns {Promise<any>} */
  async function callOnce(action, body, how) {
    const headers = { "X-CSRFToken": csrfToken() };
    return resultOf(await postJson(`${base}/${action}`, body, { headers, fetch, ...how }));
  }

  return {
    url: new URL(base, globalThis.location?.href).href,
    create: (request) => call("s3multipart_upload_create", { owner, ...(resource ? { resource } : {}), ...request }),
    signParts: (id, partNumbers) => call("s3multipart_upload_sign_parts", { id, part_numbers: partNumbers }),
    credentials: (id) => call("s3multipart_credentials", { id }),
    show: (id) => call("s3multipart_upload_show", { id }),
    files: () => call("s3multipart_file_list", { owner }),
    list: () => call("s3multipart_upload_list", { owner }),
    complete: (id, checksum) =>
      accepted(() => call("s3multipart_upload_complete", { id, ...(checksum ? { checksum } : {}) })),
    abort: (id) => call("s3multipart_upload_abort", { id }, { keepalive: true }),
  };
}

/**
 * However long the portal takes to check the file: nothing is wrong, so no number of tries ends the waiting. An
 * upload that is given up meanwhile is refused.
 *
 * @param {() => Promise<any>} complete
 * @returns {Promise<any>}
 */
async function accepted(complete) {
  for (;;) {
    try {
      return await complete();
    } catch (error) {
      if (!(error instanceof UploadError) || error.code !== "being_checked") throw error;
      const pauseMs = error.retryAfterMs ?? CHECKED_EVERY_MS;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/**
 * @param {import("../core/post-json.js").Answer} answer
 * @returns {any}
 * @throws {UploadError}
 */
function resultOf({ ok, status, statusText, text, json, retryAfterMs }) {
  if (ok && json?.success) return json.result;
  const error = json?.error;
  if (!error || typeof error !== "object") {
    // A proxy's page, a login page, a traceback: of no use to the publisher.
    const code = ok ? "unreadable_answer" : `http_${status}`;
    throw new UploadError(code, `${status} ${statusText}: ${text.slice(0, 200)}`, { status, retryAfterMs });
  }
  const { __type: type, code, message, ...facts } = error;
  const sentence = typeof message === "string" ? message : sentences(facts);
  throw new UploadError(typeof code === "string" ? code : `http_${status}`, `${status} ${type ?? ""} ${sentence}`, {
    ...{ status, sentence, retryAfterMs, facts },
  });
}

/**
 * CKAN's own validation errors are lists of sentences by field.
 *
 * @param {Record<string, unknown>} facts
 * @returns {string}
 */
function sentences(facts) {
  return Object.values(facts)
    .flat()
    .filter((fact) => typeof fact === "string")
    .join(" ");
}
