/**
 * How an upload comes to have a place at the portal: a new one, or one that was begun before.
 */

import { UploadError } from "./errors.js";
import { differs, fingerprint } from "./fingerprint.js";

/**
 * @template T
 * @typedef {(call: () => Promise<T>) => Promise<T>} AskPortal repeats a call while that may help
 */
/** @typedef {import("./portal-calls.js").Adapter} Adapter */
/** @typedef {Awaited<ReturnType<Adapter["create"]>>} Prepared the upload and its first signed parts */

/**
 * @param {File} file
 * @param {Adapter} adapter
 * @param {object} how
 * @param {string} how.idempotencyKey
 * @param {Promise<number | null> | null} how.roundTripMs
 * @param {AskPortal<Prepared>} ask
 * @returns {Promise<Prepared>}
 */
export async function createUpload(file, adapter, { idempotencyKey, roundTripMs }, ask) {
  const { name: filename, size, type: content_type } = file;
  const [recognisedBy, round_trip_ms] = await Promise.all([fingerprint(file), roundTripMs]);
  const request = {
    ...{ filename, size, content_type, fingerprint: recognisedBy, idempotency_key: idempotencyKey },
    ...(round_trip_ms === null ? {} : { round_trip_ms }),
  };
  return ask(() => adapter.create(request));
}

/**
 * @param {File} file
 * @param {Adapter} adapter
 * @param {import("./portal-calls.js").PortalUpload} unfinished
 * @param {AskPortal<import("./portal-calls.js").PortalUpload>} ask
 * @returns {Promise<Prepared>}
 * @throws {UploadError} `wrong_file`, `upload_gone`
 */
export async function takeUp(file, adapter, unfinished, ask) {
  const difference = await differs(file, unfinished);
  if (difference) {
    const message = `its ${difference.reason} differs`;
    throw new UploadError("wrong_file", message, { facts: { ...difference } });
  }
  const upload = await ask(() => adapter.show(unfinished.id));
  const isOpen = upload.state === "uploading" || upload.state === "completed";
  if (!isOpen) throw new UploadError("upload_gone", `upload ${upload.id} is ${upload.state}`);
  return { upload, parts: [] };
}
