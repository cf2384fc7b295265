/**
 * The pages of a PDF above its text. A frame that may run scripts and nothing else draws them; it has no network, so
 * this page fetches the file from the store and hands it over.
 */

/** Each has its sentence on the page; the frame names one, or something that is none. */
const PROBLEMS = ["damaged", "password", "unfetched"];
/** A frame that has said nothing for so long does not work here. */
const SILENCE_MS = 15_000;

for (const place of document.querySelectorAll("[data-pdf]")) showPages(place);

function showPages(place) {
  const frame = place.querySelector("template").content.cloneNode(true).querySelector("iframe");
  const said = place.querySelector("[role=status]");
  const file = fetchFile(place.dataset.pdf, Number(place.dataset.limit));
  // It is waited for below, once the frame is ready.
  file.catch(() => {});
  let drawn = false;
  const complain = (problem) => {
    // What it has drawn stays.
    frame.hidden = !drawn;
    said.textContent = place.dataset[PROBLEMS.includes(problem) ? problem : "failed"];
  };
  addEventListener("message", ({ source, origin, data }) => {
    // What is in a frame without an origin says "null".
    if (source !== frame.contentWindow || origin !== "null") return;
    clearTimeout(silence);
    if (data?.ready) {
      // It may have been slow.
      frame.hidden = false;
      said.textContent = "";
      file.then(
        (content) => source.postMessage({ file: content, pages: Number(place.dataset.pages) }, "*", [content]),
        () => complain("unfetched"),
      );
    }
    if (typeof data?.problem === "string") complain(data.problem);
    if (data?.drawn === 1) {
      drawn = true;
      // Not under the eyes of who is reading it.
      const isRead = (text) => text.contains(document.activeElement) || text.getBoundingClientRect().top < 0;
      for (const text of document.querySelectorAll("details[data-pdf-text]")) text.open = isRead(text);
      for (const words of document.querySelectorAll("[data-text-alone]")) words.hidden = true;
      place.querySelector("[data-pages-are]").hidden = false;
    }
  });
  const silence = setTimeout(() => complain("failed"), SILENCE_MS);
  place.prepend(frame);
  place.hidden = false;
}

async function fetchFile(url, limitBytes) {
  const answer = await fetch(url, { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" });
  // It may have been replaced since the page was made.
  if (!answer.ok || Number(answer.headers.get("Content-Length")) > limitBytes) throw new Error(String(answer.status));
  return answer.arrayBuffer();
}
