/**
 * The upload protocol as Indico speaks it: JSON by POST, an address a call below the dialog's own.
 */

import { jsonAdapter, pageCsrfToken } from "../core/json-adapter.js";

export { pageCsrfToken };

/**
 * @param {object} site
 * @param {string} site.api URL of the dialog
 * @param {() => string} [site.csrfToken] asked for at each call; by default what Indico writes into the head of its pages
 * @param {typeof globalThis.fetch} [site.fetch]
 * @returns {import("../core/portal-calls.js").Adapter}
 */
export function indicoAdapter({ api, csrfToken = pageCsrfToken, fetch = globalThis.fetch }) {
  // Without the second header, Indico answers with pages instead of JSON.
  const headers = () => ({ "X-CSRF-Token": csrfToken(), "X-Requested-With": "XMLHttpRequest" });
  return jsonAdapter({ api, headers, fetch });
}
