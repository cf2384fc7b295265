/**
 * File names as they are shown: without the characters that turn the direction of what follows, by which
 * "gpj.exe" can be made to look like "exe.jpg".
 */

const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;

/** @param {string} filename @returns {string} */
export function shownName(filename) {
  return filename.replace(TURNING, "");
}
