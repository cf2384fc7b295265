import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { RunningCrc, base64OfHex, bytesOfHex, joinCrcs } from "../../../js/src/core/crc.js";

const encode = (text) => new TextEncoder().encode(text);
const crc = (algorithm, ...pieces) => {
  const running = new RunningCrc(algorithm);
  for (const piece of pieces) running.update(piece);
  return running.hex;
};

/** Published: RFC 3720 B.4 (CRC32C), NVM Express 1.4 section 5.2.1.3.5 and crccheck (CRC64NVME). */
const VECTORS = [
  ["CRC32C", encode("123456789"), "e3069283"],
  ["CRC32C", new Uint8Array(32), "8a9136aa"],
  ["CRC32C", new Uint8Array(32).fill(0xff), "62a8ab43"],
  ["CRC32C", Uint8Array.from({ length: 32 }, (_, i) => i), "46dd794e"],
  ["CRC32C", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), "113fdb5c"],
  ["CRC64NVME", encode("123456789"), "ae8b14860a799888"],
  ["CRC64NVME", new Uint8Array(4096), "6482d367eb22b64e"],
  ["CRC64NVME", new Uint8Array(4096).fill(0xff), "c0ddba7302eca3ac"],
  ["CRC64NVME", Uint8Array.from({ length: 4096 }, (_, i) => i), "3e729f5f6750449c"],
  ["CRC64NVME", Uint8Array.from({ length: 4096 }, (_, i) => 255 - (i % 256)), "9a2df64b8e9e517e"],
];

for (const algorithm of ["CRC64NVME", "CRC32C"]) {
  describe(algorithm, () => {
    test("is what the standards publish", () => {
      for (const [name, bytes, expected] of VECTORS.filter(([name]) => name === algorithm)) {
        assert.equal(crc(name, bytes), expected);
      }
    });

    test("of nothing is zero", () => assert.match(crc(algorithm), /^0+$/));

    test("does not depend on how the bytes come in pieces", () => {
      const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 31) % 253);
      for (const cut of [0, 1, 4, 7, 8, 12, 501, 996, 1000]) {
        assert.equal(crc(algorithm, bytes.subarray(0, cut), bytes.subarray(cut)), crc(algorithm, bytes), `cut at ${cut}`);
      }
    });

    test("of every short length is what one byte at a time gives", () => {
      const bytes = Uint8Array.from({ length: 40 }, (_, i) => i * 6 + 1);
      for (let length = 0; length <= bytes.length; length++) {
        const single = Array.from(bytes.subarray(0, length), (byte) => Uint8Array.of(byte));
        assert.equal(crc(algorithm, bytes.subarray(0, length)), crc(algorithm, ...single), `${length} bytes`);
      }
    });

    test("of a whole comes from those of its parts, also where one is empty", () => {
      const bytes = Uint8Array.from({ length: 777 }, (_, i) => (i * 17) % 251);
      for (const cut of [0, 4, 400, 776, 777]) {
        const [first, second] = [bytes.slice(0, cut), bytes.slice(cut)];
        const joined = joinCrcs(algorithm, crc(algorithm, first), crc(algorithm, second), second.length);
        assert.equal(joined, crc(algorithm, bytes), `cut at ${cut}`);
      }
    });
  });
}

test("a digest is written as S3 writes it", () => {
  assert.equal(base64OfHex("e3069283"), "4waSgw==");
  assert.equal(base64OfHex("ae8b14860a799888"), "rosUhgp5mIg=");
  assert.equal(base64OfHex("00000001"), "AAAAAQ==");
  assert.deepEqual(bytesOfHex("00ff7f"), Uint8Array.of(0, 255, 127));
});
