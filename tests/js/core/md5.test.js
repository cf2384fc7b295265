import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";

import { RunningMd5 } from "../../../js/src/core/md5.js";

const md5 = (...pieces) => pieces.reduce((running, piece) => running.update(piece), new RunningMd5()).hex;

/** RFC 1321, A.5. */
const VECTORS = {
  "": "d41d8cd98f00b204e9800998ecf8427e",
  a: "0cc175b9c0f1b6a831c399e269772661",
  abc: "900150983cd24fb0d6963f7d28e17f72",
  "message digest": "f96b697d7cb7938d525a2f31aaf161d0",
  abcdefghijklmnopqrstuvwxyz: "c3fcd3d76192e4007dfb496cca67e13b",
  ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789: "d174ab98d277d9f5a5611c2c9f419d9f",
};

describe("MD5", () => {
  for (const [text, expected] of Object.entries(VECTORS)) {
    test(`of "${text}" is what RFC 1321 publishes`, () => assert.equal(md5(new TextEncoder().encode(text)), expected));
  }

  test("of every length around a block is that of OpenSSL", () => {
    for (let length = 50; length <= 140; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
      assert.equal(md5(bytes), createHash("md5").update(bytes).digest("hex"), `${length} bytes`);
    }
  });

  test("does not depend on how the bytes come in pieces", () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 31) % 253);
    for (const cut of [0, 1, 63, 64, 65, 500, 999]) {
      assert.equal(md5(bytes.subarray(0, cut), bytes.subarray(cut)), md5(bytes), `cut at ${cut}`);
    }
  });
});
