import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { readStretch } from "../../../js/src/core/file-reading.js";

const MIB = 1024 * 1024;

function bytesFrom(start, end) {
  return Uint8Array.from({ length: end - start }, (_, i) => ((start + i) * 31) % 253);
}

/** A file of 3 MiB and some, which tells where it was opened. */
class WatchedFile extends Blob {
  opened = [];
  #streamOf;

  /** @param {(blob: Blob) => ReadableStream} streamOf */
  constructor(streamOf = (blob) => blob.stream()) {
    super([bytesFrom(0, 3 * MIB + 77)]);
    this.#streamOf = streamOf;
  }

  slice(start) {
    this.opened.push(start);
    const slice = super.slice(start);
    return { stream: () => this.#streamOf(slice) };
  }
}

/** A stream that gives pieces of its own size, as files of older browsers do. */
function inPieces(blob) {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      const piece = await blob.slice(at, (at += 65_537)).arrayBuffer();
      if (piece.byteLength) controller.enqueue(new Uint8Array(piece));
      else controller.close();
    },
  });
}

let lastFileId = 0;

async function read(file, fileId, start, end) {
  const all = new Uint8Array(end - start);
  let at = 0;
  for await (const piece of readStretch(file, fileId, start, end)) {
    all.set(piece, at);
    at += piece.length;
  }
  assert.equal(at, all.length);
  return all;
}

const same = (actual, start, end) => assert.equal(Buffer.compare(actual, bytesFrom(start, end)), 0, `${start} to ${end}`);

describe("a file", () => {
  for (const [kind, streamOf] of [["a stream of bytes", undefined], ["a stream of the browser's own pieces", inPieces]]) {
    test(`is opened once for stretches that follow one another: ${kind}`, async () => {
      const file = new WatchedFile(streamOf);
      const id = ++lastFileId;
      for (let start = 0; start < file.size; start += MIB + 3) {
        const end = Math.min(start + MIB + 3, file.size);
        same(await read(file, id, start, end), start, end);
      }
      assert.deepEqual(file.opened, [0]);
    });

    test(`is opened again for a stretch elsewhere, and gone on with after: ${kind}`, async () => {
      const file = new WatchedFile(streamOf);
      const id = ++lastFileId;
      for (const [start, end] of [[0, 10], [MIB, MIB + 9], [10, 20], [MIB + 9, MIB + 10], [0, 7]]) {
        same(await read(file, id, start, end), start, end);
      }
      assert.deepEqual(file.opened, [0, MIB, 0]);
    });
  }

  test("is not taken for another one that is read in turns with it", async () => {
    const [first, second] = [new WatchedFile(), new WatchedFile()];
    const ids = [++lastFileId, ++lastFileId];
    for (const start of [0, 100, 200]) {
      same(await read(first, ids[0], start, start + 100), start, start + 100);
      same(await read(second, ids[1], start, start + 100), start, start + 100);
    }
    assert.deepEqual([first.opened, second.opened], [[0], [0]]);
  });

  test("that ends before its size cannot be read", async () => {
    await assert.rejects(read(new WatchedFile(), ++lastFileId, 0, 4 * MIB), { name: "NotReadableError" });
    // What follows has a buffer again.
    same(await read(new WatchedFile(), ++lastFileId, 5, 50), 5, 50);
  });

  test("leaves at most four streams open", async () => {
    const cancelled = [];
    const fileOf = (n) => new WatchedFile((blob) => {
      const reader = blob.stream().getReader();
      return new ReadableStream({
        pull: async (controller) => controller.enqueue((await reader.read()).value),
        cancel: () => cancelled.push(n),
      });
    });
    for (let n = 1; n <= 9; n++) await read(fileOf(n), ++lastFileId, 0, 10);
    assert.deepEqual(cancelled, [1, 2, 3, 4, 5]);
  });
});
