import assert from "node:assert/strict";
import { test } from "node:test";

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
await import("../../js/src/checksum-worker.js");

async function digestsOf(...messages) {
  answers.length = 0;
  const all = new Promise((resolve) => {
    answered = () => answers.length === messages.length && resolve();
  });
  messages.forEach(ask);
  await all;
  return answers;
}

test("parts are answered in the order in which they were asked for, whatever their sizes", async () => {
  const zeros = (length) => new Blob([new Uint8Array(length)]);
  assert.deepEqual(
    await digestsOf(
      { id: 1, algorithm: "CRC64NVME", blob: zeros(4096) },
      { id: 2, algorithm: "CRC32C", blob: zeros(32) },
      { id: 3, algorithm: "MD5", blob: zeros(0) },
    ),
    [
      { id: 1, hex: "6482d367eb22b64e" },
      { id: 2, hex: "8a9136aa" },
      { id: 3, hex: "d41d8cd98f00b204e9800998ecf8427e" },
    ],
  );
});

test("a part of many stretches, at any place of its file, has the checksum of its bytes", async () => {
  const bytes = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 31) % 253);
  const slice = new Blob([bytes]).slice(1, 700_002);
  const [{ hex }] = await digestsOf({ id: 1, algorithm: "CRC32C", blob: slice });
  const { RunningCrc } = await import("../../js/src/crc.js");
  assert.equal(hex, new RunningCrc("CRC32C").update(bytes.slice(1, 700_002)).hex);
});

test("a file that cannot be read any more has no checksum, and the next one has", async () => {
  const gone = {
    stream: () =>
      new ReadableStream({
        pull() {
          throw new DOMException("the file was changed", "NotReadableError");
        },
      }),
  };
  const messages = [gone, new Blob([])].map((blob, id) => ({ id, algorithm: "CRC32C", blob }));
  assert.deepEqual(await digestsOf(...messages), [
    { id: 0, hex: null },
    { id: 1, hex: "00000000" },
  ]);
});
