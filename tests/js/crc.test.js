import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { RunningCrc, crcAsBase64, joinCrcs } from "../../js/src/crc.js";

const encode = (text) => new TextEncoder().encode(text);
const crc = (algorithm, ...pieces) => {
  const running = new RunningCrc(algorithm);
  for (const piece of pieces) running.update(piece);
  return running.value;
};

/** Published: RFC 3720 B.4 (CRC32C), NVM Express 1.4 section 5.2.1.3.5 and crccheck (CRC64NVME). */
const VECTORS = [
  ["CRC32C", encode("123456789"), 0xe3069283n],
  ["CRC32C", new Uint8Array(32), 0x8a9136aan],
  ["CRC32C", new Uint8Array(32).fill(0xff), 0x62a8ab43n],
  ["CRC32C", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794en],
  ["CRC32C", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5cn],
  ["CRC64NVME", encode("123456789"), 0xae8b14860a799888n],
  ["CRC64NVME", new Uint8Array(4096), 0x6482d367eb22b64en],
  ["CRC64NVME", new Uint8Array(4096).fill(0xff), 0xc0ddba7302eca3acn],
  ["CRC64NVME", Uint8Array.from({ length: 4096 }, (_, i) => i), 0x3e729f5f6750449cn],
  ["CRC64NVME", Uint8Array.from({ length: 4096 }, (_, i) => 255 - (i % 256)), 0x9a2df64b8e9e517en],
];

for (const algorithm of ["CRC64NVME", "CRC32C"]) {
  describe(algorithm, () => {
    test("is what the standards publish", () => {
      for (const [name, bytes, expected] of VECTORS.filter(([name]) => name === algorithm)) {
        assert.equal(crc(name, bytes), expected);
      }
    });

    test("of nothing is zero", () => assert.equal(crc(algorithm), 0n));

    test("does not depend on how the bytes come in pieces", () => {
      const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 31) % 253);
      for (const cut of [0, 4, 8, 12, 500, 996, 1000]) {
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

test("a CRC is written as S3 writes it", () => {
  assert.equal(crcAsBase64("CRC32C", 0xe3069283n), "4waSgw==");
  assert.equal(crcAsBase64("CRC64NVME", 0xae8b14860a799888n), "rosUhgp5mIg=");
  assert.equal(crcAsBase64("CRC32C", 1n), "AAAAAQ==");
});
