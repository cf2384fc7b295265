import assert from "node:assert/strict";
import { test } from "node:test";

import { RunningCrc } from "../../../js/src/core/crc.js";

const answers = [];
let ask;
let answered = () => {};
globalThis.addEventListener = (_, listener) => {
  ask = (message) => listener({ data: message });
};
globalThis.postMessage = (answer) => {
  answers.push(answer);
  answered();
};
await import("../../../js/src/core/checksum-worker.js");

async function answersTo(...messages) {
  answers.length = 0;
  const all = new Promise((resolve) => {
    answered = () => answers.length === messages.length && resolve();
  });
  messages.forEach(ask);
  await all;
  return answers;
}

let lastFileId = 0;

/** A question about a whole file that was never asked about before. */
function whole(id, algorithm, file) {
  return { id, algorithm, file, fileId: ++lastFileId, start: 0, end: file.size };
}

test("stretches are answered in the order in which they were asked for, whatever their sizes", async () => {
  const zeros = (length) => new Blob([new Uint8Array(length)]);
  assert.deepEqual(
    await answersTo(whole(1, "CRC64NVME", zeros(4096)), whole(2, "CRC32C", zeros(32)), whole(3, "MD5", zeros(0))),
    [
      { id: 1, hex: "6482d367eb22b64e" },
      { id: 2, hex: "8a9136aa" },
      { id: 3, hex: "d41d8cd98f00b204e9800998ecf8427e" },
    ],
  );
});

test("a stretch, at any place of its file, has the checksum of its bytes", async () => {
  const bytes = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 31) % 253);
  const asked = { ...whole(1, "CRC32C", new Blob([bytes])), start: 1, end: 700_002 };
  const [{ hex }] = await answersTo(asked);
  assert.equal(hex, new RunningCrc("CRC32C").update(bytes.slice(1, 700_002)).hex);
});

test("a file that can no longer be read has no checksum, and the next one has", async () => {
  const gone = {
    size: 9,
    slice: () => gone,
    stream: () =>
      new ReadableStream({
        pull() {
          throw new DOMException("the file was changed", "NotReadableError");
        },
      }),
  };
  assert.deepEqual(await answersTo(whole(0, "CRC32C", gone), whole(1, "CRC32C", new Blob([]))), [
    { id: 0, hex: null },
    { id: 1, hex: "00000000" },
  ]);
});
