/** What the console's page for uploads loads: it begins the uploader where the page has it. */

const root = /** @type {HTMLElement | null} */ (document.querySelector("[data-module=s3portal-console]"));
if (root) import(new URL(root.dataset["scriptUrl"] ?? "", location.href).href).then(({ mount }) => mount(root));
