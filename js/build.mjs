/**
 * Bundles what pages load: one file for each, instead of the dozens of modules that it is made from.
 *
 *   NODE_PATH=<folder with esbuild> node build.mjs <folder>
 *
 * A wheel carries the bundles in js/dist (build_web.py); a checkout has none, and serves the modules.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const JS = fileURLToPath(new URL(".", import.meta.url));

/** Bundles by name. The worker keeps the name of its module: it is begun by its address beside the script's own. */
export const ENTRIES = {
  core: "core/upload.js",
  "checksum-worker": "core/checksum-worker.js",
  "ckan-form": "ckan/form.js",
  "indico-materials": "indico/materials.js",
  "console-upload": "console/upload.js",
};

/**
 * @param {typeof import("esbuild")} esbuild
 * @param {Record<string, string>} [entries]
 * @returns {Promise<Map<string, Uint8Array>>} the bundles and their source maps, by file name
 */
export async function bundles(esbuild, entries = ENTRIES) {
  const paths = Object.entries(entries).map(([name, path]) => [name, join(JS, "src", path)]);
  const { outputFiles } = await esbuild.build({
    entryPoints: Object.fromEntries(paths),
    // Nothing is written there; source maps name the modules from there.
    outdir: join(JS, "dist"),
    ...{ write: false, bundle: true, minify: true, format: "esm", absWorkingDir: JS, logLevel: "warning" },
    // The portal tells browsers where the map is, in a header.
    sourcemap: "external",
  });
  return new Map(outputFiles.map((file) => [basename(file.path), file.contents]));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [folder] = process.argv.slice(2);
  const esbuild = createRequire(import.meta.url)("esbuild");
  mkdirSync(folder, { recursive: true });
  for (const [name, contents] of await bundles(esbuild)) writeFileSync(join(folder, name), contents);
}
