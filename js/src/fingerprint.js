/**
 * By what a portal knows a file again, when the publisher picks it another time.
 *
 * @param {File} file
 * @returns {string}
 */
export function fingerprint(file) {
  return [encodeURIComponent(file.name), file.size, file.lastModified].join("/");
}

/**
 * 128 random bits; `crypto.randomUUID` exists on pages over https alone.
 *
 * @returns {string} 32 hexadecimal digits
 */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
