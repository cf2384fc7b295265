/** An upload with fakes around it, and everything that it tells. */

import assert from "node:assert/strict";

import { MultipartUpload } from "../../../js/src/core/upload.js";
import { setUp } from "../fakes.js";

export function begin(given) {
  const parts = setUp(given);
  const upload = new MultipartUpload(parts.file, parts.portal, parts.core);
  const states = [];
  const events = [];
  for (const type of ["statechange", "progress", "partcomplete", "partretry", "complete", "error"]) {
    upload.addEventListener(type, (event) => events.push({ type, ...event.detail }));
  }
  upload.addEventListener("statechange", (event) => states.push(event.detail.to));
  return { ...parts, upload, states, events, of: (type) => events.filter((event) => event.type === type) };
}

async function storedBytes(store) {
  const parts = [...store.stored].sort((a, b) => a[0] - b[0]).map(([, blob]) => blob);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

export async function assertSame(store, file) {
  assert.deepEqual(await storedBytes(store), new Uint8Array(await file.arrayBuffer()));
}
