import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { differs, fingerprint, sampleOffsets } from "../../../js/src/core/fingerprint.js";
import { numberedFile } from "../fakes.js";

const MIB = 1024 * 1024;

function picked({ bytes = new Uint8Array(3 * MIB), name = "gauges.nc", lastModified = 1_700_000_000_000 } = {}) {
  return new File([bytes], name, { lastModified });
}

async function begunWith(file) {
  return { filename: file.name, size: file.size, fingerprint: await fingerprint(file) };
}

describe("a fingerprint", () => {
  test("has size, last change and the CRC of samples, as the HTTP API writes it", async () => {
    assert.equal(await fingerprint(numberedFile(9)), "9/7/0eb6fdbb89d04d0b");
  });

  test("of a small file is made of all of it", () => {
    assert.deepEqual(sampleOffsets(0), []);
    assert.deepEqual(sampleOffsets(1), [0]);
    assert.deepEqual(sampleOffsets(65_537), [0, 65_536]);
    assert.deepEqual(sampleOffsets(131_072), [0, 65_536]);
  });

  test("of a huge file is made of sixteen places, the first and the last byte among them", () => {
    const size = 48 * 1024 ** 4;
    const offsets = sampleOffsets(size);
    assert.equal(offsets.length, 16);
    assert.equal(offsets[0], 0);
    assert.equal(offsets.at(-1), size - 65_536);
    assert.ok(offsets.every(Number.isSafeInteger));
  });
});

describe("a file that is picked to resume an upload", () => {
  test("is recognised", async () => {
    assert.equal(await differs(picked(), await begunWith(picked())), null);
  });

  test("is recognised by a name that another computer composes another way", async () => {
    const upload = await begunWith(picked({ name: "Pégel.nc".normalize("NFC") }));
    assert.equal(await differs(picked({ name: "Pégel.nc".normalize("NFD") }), upload), null);
  });

  for (const [what, other, reason, expected, given] of [
    ["of another name", { name: "levels.nc" }, "name", "gauges.nc", "levels.nc"],
    ["of another size", { bytes: new Uint8Array(3 * MIB + 1) }, "size", 3 * MIB, 3 * MIB + 1],
    ["that was changed since", { lastModified: 1_700_000_000_001 }, "modified", 1_700_000_000_000, 1_700_000_000_001],
    ["with another first byte", { bytes: new Uint8Array(3 * MIB).fill(1, 0, 1) }, "content", null, null],
    ["with another last byte", { bytes: new Uint8Array(3 * MIB).fill(1, -1) }, "content", null, null],
  ]) {
    test(`${what} is refused with the reason`, async () => {
      assert.deepEqual(await differs(picked(other), await begunWith(picked())), { reason, expected, given });
    });
  }

  test("is recognised by name and size where a program wrote a fingerprint of its own", async () => {
    const upload = { filename: "gauges.nc", size: 3 * MIB, fingerprint: "sha256:abc" };
    assert.equal(await differs(picked(), upload), null);
    assert.equal((await differs(picked({ bytes: new Uint8Array(1) }), upload)).reason, "size");
  });

  test("that can no longer be read says so", async () => {
    const upload = await begunWith(picked());
    const file = picked();
    file.slice = () => new Blob([{ toString: () => "" }]);
    Blob.prototype.arrayBuffer = wrap(Blob.prototype.arrayBuffer, () => Promise.reject(new Error("NotReadableError")));
    try {
      await assert.rejects(differs(file, upload), { code: "file_unreadable" });
    } finally {
      Blob.prototype.arrayBuffer = Blob.prototype.arrayBuffer.wrapped;
    }
  });
});

function wrap(wrapped, replacement) {
  return Object.assign(replacement, { wrapped });
}
