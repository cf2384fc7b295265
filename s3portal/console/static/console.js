/** What pages gain where scripts run. Every page works without. */

/** Buttons that copy: `data-copies` names the element whose text it is. */
for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies);
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    const words = button.textContent;
    button.textContent = button.dataset.copied;
    setTimeout(() => (button.textContent = words), 2000);
  });
}

/** A box that chooses all boxes of its form: `data-chooses` is their name. */
for (const box of document.querySelectorAll("input[data-chooses]")) {
  box.closest("label, th, td").hidden = false;
  const others = () => box.form.querySelectorAll(`input[name="${box.dataset.chooses}"]`);
  box.addEventListener("change", () => others().forEach((other) => (other.checked = box.checked)));
}
