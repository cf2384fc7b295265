/** What pages gain where scripts run. Every page works without. */

/** Buttons that copy: `data-copies` names the element whose text it is. */
for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = false;
  button.ariaLive = "polite";
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies);
    const text = source.value ?? source.textContent.trim();
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyWithoutClipboard(text);
    const words = button.textContent;
    button.textContent = button.dataset.copied;
    setTimeout(() => (button.textContent = words), 2000);
  });
}

/** Browsers give pages over plain HTTP no clipboard; what is selected they copy. */
function copyWithoutClipboard(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  const focused = document.activeElement;
  area.select();
  document.execCommand("copy");
  area.remove();
  focused?.focus();
}

/** On a phone the rows of a table are cards; some browsers forget then that it is a table. */
const ROLES = {
  "table.cells": "table",
  ".cells thead, .cells tbody": "rowgroup",
  ".cells tr": "row",
  ".cells thead th": "columnheader",
  ".cells tbody th": "rowheader",
  ".cells td": "cell",
};
for (const [selector, role] of Object.entries(ROLES)) {
  for (const element of document.querySelectorAll(selector)) element.setAttribute("role", role);
}

/** Who reads a page by ear hears first what is wrong with the form that came back. */
const problem = document.getElementById("problem");
if (problem && !document.querySelector("[autofocus]")) {
  problem.tabIndex = -1;
  problem.focus();
}

/** A box that chooses all boxes of its form: `data-chooses` is their name. */
for (const box of document.querySelectorAll("input[data-chooses]")) {
  box.hidden = false;
  const others = () => box.form.querySelectorAll(`input[name="${box.dataset.chooses}"]`);
  box.addEventListener("change", () => others().forEach((other) => (other.checked = box.checked)));
}

/** Long work goes on by itself, a step a page. */
document.querySelector("form[data-continues]")?.requestSubmit();

/** Documents whose drafts are kept in this browser, and their line with the mistake. */
for (const area of document.querySelectorAll("textarea[data-draft]")) {
  const name = `s3portal draft: ${area.dataset.draft}`;
  const note = area.form.querySelector("[data-draft-note]");
  const draft = localStorage.getItem(name);
  if (area.dataset.draftWanted && draft) area.value = draft;
  area.addEventListener("input", () => {
    localStorage.setItem(name, area.value);
    note.hidden = false;
  });
  const line = Number(area.dataset.line);
  if (!line) continue;
  const lines = area.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  area.focus();
  area.setSelectionRange(start, start + lines[line - 1].length);
}
