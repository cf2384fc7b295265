/** What the modules in js/src import, read from their text. */

import { readFileSync, readdirSync } from "node:fs";
import { posix } from "node:path";

export const SRC = new URL("../../js/src/", import.meta.url);

/** `import … from`, `export … from`, on one line or on several; `import(…)`, also of a type; a worker's file. */
const IMPORT = /^(?:import|export)\s(?:[^;"]*\sfrom\s)?"([^"]+)";|\bimport\("([^"]+)"\)|\bnew URL\("(\.[^"]+)", import\.meta\.url\)/gm;

/** @returns {string[]} every module, as a path in js/src */
export function allModules() {
  return readdirSync(SRC, { recursive: true }).filter((path) => path.endsWith(".js")).map((path) => path.replaceAll("\\", "/"));
}

/** @param {string} path in js/src */
export function source(path) {
  return readFileSync(new URL(path, SRC), "utf-8");
}

/** What a module imports, types too: paths in js/src, or as it is written where it is no path. */
export function importsOf(path, text = source(path)) {
  return [...text.matchAll(IMPORT)].map((found) => found[1] ?? found[2] ?? found[3]).map((written) =>
    written.startsWith(".") ? posix.join(posix.dirname(path), written) : written,
  );
}
