import assert from "node:assert/strict";
import { test } from "node:test";

import { RunningCrc } from "../../../js/src/core/crc.js";

const answers = [];
let ask;
let answered = () => {};
globalThis.addEventListener = (_, listener) => {
  ask = (message) => listener({ data: message });
};
let said = 0;
globalThis.postMessage = (answer) => {
  said += 1;
  if (answer === 0) return;
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

/** A question about a file that was never asked about before. */
function question(algorithm, file, start = 0, end = file.size) {
  return [algorithm, file, ++lastFileId, start, end];
}

test("stretches are answered in the order in which they were asked for, whatever their sizes", async () => {
  const zeros = (length) => new Blob([new Uint8Array(length)]);
  assert.deepEqual(
    await answersTo(question("CRC64NVME", zeros(4096)), question("CRC32C", zeros(32)), question("MD5", zeros(0))),
    ["6482d367eb22b64e", "8a9136aa", "d41d8cd98f00b204e9800998ecf8427e"],
  );
});

test("a stretch, at any place of its file, has the checksum of its bytes", async () => {
  const bytes = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 31) % 253);
  const [hex] = await answersTo(question("CRC32C", new Blob([bytes]), 1, 700_002));
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
  assert.deepEqual(await answersTo(question("CRC32C", gone), question("CRC32C", new Blob([]))), [null, "00000000"]);
});

test("a long stretch says that it is being read, long before its answer", async () => {
  said = 0;
  await answersTo(question("CRC32C", new Blob([new Uint8Array(4 * 1024 * 1024)])));
  assert.ok(said > 4, `${said}`);
});
