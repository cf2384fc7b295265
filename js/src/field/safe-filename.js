/**
 * What a file is called when it is downloaded: the rule that the portal has too (s3portal/transfer/keys.py,
 * safe_filename); tests/shared/odd_names.json holds both to it. Under this name it is shown here as well, so that
 * "gpj.exe" is not made to look like "exe.jpg".
 */

/** What file systems take as one name (ext4, XFS, NTFS, APFS). */
const MAX_BYTES = 255;
/** The name of a file whose own name holds nothing that can be kept. */
const NAMELESS = "file";
/** Not seen, or turning the direction of what follows. Joiners are spelling in Persian and in Indic scripts. */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffe\uffff]/gu;
const AT_THE_ENDS = /^[\p{Zs}.\u200c\u200d]+|[\p{Zs}.\u200c\u200d]+$/gu;
const EXTENSIONS = /(?:\.[A-Za-z0-9]{1,10}){1,2}$/;

/** @param {string} filename @returns {string} never empty; applied twice, nothing changes */
export function safeFilename(filename) {
  const segments = filename.split(/[/\\]/).map(visible);
  return cut(segments.filter(Boolean).at(-1) ?? NAMELESS);
}

/** @param {string} segment */
function visible(segment) {
  return segment.replace(UNSEEN, "").normalize("NFC").replace(AT_THE_ENDS, "");
}

/** Between characters, before its extension. @param {string} name */
function cut(name) {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length <= MAX_BYTES) return name;
  const extension = EXTENSIONS.exec(name)?.[0] ?? "";
  // What is left of a character that was cut in its middle goes, too.
  const stem = new TextDecoder().decode(bytes.slice(0, MAX_BYTES - extension.length)).replace(/\ufffd+$/, "");
  return stem.replace(/[\p{Zs}.\u200c\u200d]+$/u, "") + extension;
}
