import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { isSame } from "../../../js/src/ckan/same-file.js";

const checksum = { algorithm: "CRC64NVME", value: "AAAAAAAAAAA=" };
const published = { resource: "r", upload: "u", filename: "a.csv", size: 10, fingerprint: "10/7/0123456789abcdef", checksum };

describe("a file that is published", () => {
  for (const [what, upload, expected] of [
    ["its fingerprint", { size: 10, fingerprint: published.fingerprint }, true],
    ["its checksum, under another name", { size: 10, fingerprint: "10/8/0123456789abcdef", checksum }, true],
    ["another size", { size: 11, fingerprint: published.fingerprint, checksum }, false],
    ["another content", { size: 10, fingerprint: "10/7/fedcba9876543210", checksum: { ...checksum, value: "AQAAAAAAAAA=" } }, false],
    ["the same figure of another algorithm", { size: 10, checksum: { ...checksum, algorithm: "CRC32C" } }, false],
    ["nothing to compare", { size: 10, fingerprint: "", checksum: null }, false],
  ]) {
    test(`is ${expected ? "" : "not "}known by ${what}`, () => assert.equal(isSame(published, upload), expected));
  }

  test("is not known where neither has anything to compare", () => {
    const bare = { ...published, fingerprint: "", checksum: null };
    assert.equal(isSame(bare, { size: 10, fingerprint: "", checksum: null }), false);
  });
});
