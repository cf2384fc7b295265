/**
 * Draws the pages of a PDF. It runs in a frame of an opaque origin, which can reach neither the console nor the network:
 * the console's page hands it the file, and hears how many pages are drawn or what is wrong.
 */

const VERSION = "6.5.438";
/** Two versions of pdf.js do not work together, and browsers keep files for a while. */
const pdfjsFile = (name) => new URL(`../pdfjs/${name}?${VERSION}`, import.meta.url).href;
const CONSOLE_ORIGIN = new URL(import.meta.url).origin;
/** A canvas that is larger stays empty in some browsers, and a PDF can claim any size. */
const MOST_PIXELS = 16 * 1024 * 1024;
const LONGEST_SIDE = 8192;
const MOST_DENSITY = 3;

const say = (said) => parent.postMessage(said, CONSOLE_ORIGIN);

addEventListener("message", function take({ source, origin, data }) {
  if (source !== parent || origin !== CONSOLE_ORIGIN) return;
  removeEventListener("message", take);
  show(data.file, data.pages).catch(complain);
});
say({ ready: true });

function complain(error) {
  const problems = { PasswordException: "password", InvalidPDFException: "damaged", FormatError: "damaged" };
  say({ problem: problems[error?.name] ?? "failed" });
}

/** Lays out the first pages, and draws each when it comes into sight. */
async function show(file, most) {
  const pdfjs = await import(pdfjsFile("pdf.min.mjs"));
  pdfjs.GlobalWorkerOptions.workerPort = await startWorker();
  const task = pdfjs.getDocument({
    data: new Uint8Array(file),
    // Without WebAssembly, which the frame's policy stops.
    useWasm: false,
    wasmUrl: new URL("../pdfjs/", import.meta.url).href,
    enableXfa: false,
    maxImageSize: MOST_PIXELS,
    verbosity: pdfjs.VerbosityLevel.ERRORS,
  });
  // Without it, pdf.js waits for a password.
  task.onPassword = () => {
    task.destroy();
    complain({ name: "PasswordException" });
  };
  const document_ = await task.promise;
  let drawn = 0;
  const inSight = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        inSight.unobserve(target);
        draw(pages.get(target), target).then(() => say({ drawn: ++drawn }), complain);
      }
    },
    { rootMargin: "100%" },
  );
  const pages = new Map();
  for (let number = 1; number <= Math.min(document_.numPages, most); number++) {
    const page = await document_.getPage(number);
    const { width, height } = page.getViewport({ scale: 1 });
    const place = document.createElement("div");
    place.className = "page";
    place.style.aspectRatio = `${width} / ${height}`;
    pages.set(place, page);
    document.body.append(place);
    inSight.observe(place);
  }
}

/**
 * A worker has to be of the frame's own origin, which no address is of: so it is a blob that loads the file. Chromium
 * takes no module for one there, and what comes before the file has loaded would be lost.
 */
function startWorker() {
  const file = JSON.stringify(pdfjsFile("pdf.worker.min.mjs"));
  // What a promise is rejected with is no error of the worker until it is thrown.
  const loading = `import(${file}).catch((error) => setTimeout(() => { throw error; }));`;
  const worker = new Worker(URL.createObjectURL(new Blob([loading], { type: "text/javascript" })));
  return new Promise((resolve, reject) => {
    worker.addEventListener("message", () => resolve(worker), { once: true });
    worker.addEventListener("error", reject, { once: true });
  });
}

async function draw(page, place) {
  const size = page.getViewport({ scale: 1 });
  const wanted = (place.clientWidth / size.width) * Math.min(devicePixelRatio, MOST_DENSITY);
  const scale = Math.min(
    wanted,
    Math.sqrt(MOST_PIXELS / (size.width * size.height)),
    LONGEST_SIDE / Math.max(size.width, size.height),
  );
  const viewport = page.getViewport({ scale });
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(viewport.width));
  canvas.height = Math.max(1, Math.floor(viewport.height));
  await page.render({ canvas, viewport }).promise;
  place.append(canvas);
}
