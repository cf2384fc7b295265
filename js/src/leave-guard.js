/**
 * Warns before the page is left while leaving it would lose something.
 *
 * @param {HTMLFormElement} form
 * @param {() => boolean} wouldLose
 * @returns {{allow: () => void}} `allow` the page to be left: everything was saved
 */
export function guardLeaving(form, wouldLose) {
  const page = form.ownerDocument.defaultView ?? window;
  let saving = false;
  // Bubbled up to the window, no script has stopped it: the form is really being sent.
  page.addEventListener("submit", (event) => {
    if (event.target === form && !event.defaultPrevented) saving = true;
  });
  page.addEventListener("beforeunload", (event) => {
    if (!saving && wouldLose()) event.preventDefault();
  });
  return {
    allow() {
      saving = true;
    },
  };
}
