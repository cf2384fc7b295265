import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import { presign } from "../../../js/src/core/sigv4.js";

/** Signed by s3portal.transfer, which signs as botocore does: tests/transfer/test_browser_signatures.py. */
const VECTORS = JSON.parse(readFileSync(new URL("signed-parts.json", import.meta.url), "utf-8"));

describe("Signature Version 4 in a URL", () => {
  test("is what AWS publishes for its example", async () => {
    const url = await presign({
      method: "GET",
      url: "https://examplebucket.s3.amazonaws.com/test.txt",
      query: {},
      region: "us-east-1",
      credentials: { access_key_id: "AKIAIOSFODNN7EXAMPLE", secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" },
      signedAtMs: Date.UTC(2013, 4, 24),
      expiresS: 86_400,
    });
    assert.equal(
      url,
      "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z" +
        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    );
  });

  for (const { url, region, session_token, signed_at, s3_upload_id, lengths, signed, ...keys } of VECTORS) {
    test(`of parts is the portal's to the byte: ${new URL(url).origin}, ${session_token ? "with" : "without"} a session`, async () => {
      for (const [i, length] of lengths.entries()) {
        const made = await presign({
          ...{ method: "PUT", url, region },
          query: { uploadId: s3_upload_id, partNumber: String(i + 1) },
          headers: { "content-length": String(length) },
          credentials: { ...keys, session_token },
          signedAtMs: Date.parse(signed_at),
          expiresS: 900,
        });
        assert.equal(made, signed[i]);
      }
    });
  }
});
