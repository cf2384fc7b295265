/**
 * The token by which CKAN knows that its own page makes a call. It goes with the login: after another login,
 * in another tab, the page has a token that is no longer valid.
 */

/** @param {ParentNode} page @returns {{field: string, token: string}} both "" where the page has none */
function tokenOf(page) {
  /** @param {string} name */
  const meta = (name) => page.querySelector(`meta[name="${CSS.escape(name)}"]`)?.getAttribute("content") ?? "";
  const field = meta("csrf_field_name");
  return { field, token: field && meta(field) };
}

/** @returns {string} the token that CKAN writes into the head of its pages; "" where there is none */
export function pageCsrfToken() {
  return tokenOf(document).token;
}

/**
 * Asks for the page once more, and takes the token from there: for calls, and for the forms of this page, so
 * that nothing that was typed into them has to be typed again.
 *
 * @returns {Promise<boolean>} there is another one now
 */
export async function renewPageCsrfToken() {
  const answer = await fetch(location.href.split("#")[0] ?? "", { credentials: "same-origin" });
  const { field, token } = tokenOf(new DOMParser().parseFromString(await answer.text(), "text/html"));
  const before = tokenOf(document);
  if (!token || field !== before.field || token === before.token) return false;
  document.querySelector(`meta[name="${CSS.escape(field)}"]`)?.setAttribute("content", token);
  for (const input of document.querySelectorAll(`input[name="${CSS.escape(field)}"]`)) {
    if (input instanceof HTMLInputElement) input.value = token;
  }
  return true;
}
