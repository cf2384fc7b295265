/**
 * Warns before the page is left while leaving it would lose something.
 *
 * @param {HTMLFormElement} form
 * @param {object} on
 * @param {() => boolean} on.wouldLose
 * @param {() => void} [on.stayed] the form was sent and the page is still here: the publisher chose to stay
 *   when something asked, or came back
 */
export function guardLeaving(form, { wouldLose, stayed = () => {} }) {
  const page = form.ownerDocument.defaultView ?? window;
  let isSent = false;
  const onStay = () => {
    if (!isSent) return;
    isSent = false;
    stayed();
  };
  // Bubbled up to the window, no script has stopped it: the form is really being sent.
  page.addEventListener("submit", (event) => {
    if (event.target === form && !event.defaultPrevented) isSent = true;
  });
  page.addEventListener("beforeunload", (event) => {
    if (!isSent && wouldLose()) event.preventDefault();
    // Other scripts ask, too. Nothing runs while the browser asks, and no script is told the answer.
    setTimeout(() => {
      if (event.defaultPrevented || event.returnValue) onStay();
    });
  });
  page.addEventListener("pageshow", (event) => {
    if (event.persisted) onStay();
  });
}
