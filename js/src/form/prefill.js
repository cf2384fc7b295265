/**
 * Fills fields of the form from the file, where the publisher has not: never over what was typed.
 */

import { safeFilename } from "../field/safe-filename.js";

/** With a letter in it: "minutes.2026" and "log.1" are years and counters. */
const EXTENSION = /\.(?=[0-9]*[a-z])([a-z0-9]{1,10})$/i;
/** Extensions that are no good name of their format. The others are their format's name. */
const FORMAT_OF = /** @type {Record<string, string>} */ ({
  geojson: "GeoJSON",
  htm: "HTML",
  jpg: "JPEG",
  nc: "NetCDF",
  tif: "TIFF",
  yml: "YAML",
});

/**
 * The rule that the portal has too (s3portal/transfer/file_format.py).
 *
 * @param {string} filename
 * @returns {string} for example "CSV"; "" where the name tells none
 */
export function formatOf(filename) {
  const extension = EXTENSION.exec(safeFilename(filename))?.[1]?.toLowerCase() ?? "";
  return FORMAT_OF[extension] ?? extension.toUpperCase();
}

/** @typedef {HTMLInputElement | HTMLTextAreaElement} TextField */

/** Remembers what it filled in, so that another file may change that and nothing else. */
export class Prefill {
  /** @type {Map<TextField, string>} */
  #filled = new Map();

  /** @param {TextField | null} input @param {string} value */
  fill(input, value) {
    if (input && (input.value === "" || input.value === this.#filled.get(input))) this.put(input, value);
  }

  /** Over what was typed: that was of another file. @param {TextField | null} input @param {string} value */
  put(input, value) {
    if (!input) return;
    input.value = value;
    this.#filled.set(input, value);
    // For scripts that dress the input (CKAN's autocomplete). It does not bubble: CKAN would warn of changes that are lost,
    // and what is filled in from the file is filled in again.
    input.dispatchEvent(new Event("change"));
  }
}
