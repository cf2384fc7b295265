import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";

import { RunningCrc, base64OfHex, isCrc } from "../../../js/src/core/crc.js";
import { RunningMd5 } from "../../../js/src/core/md5.js";
import { MultipartUpload } from "../../../js/src/core/upload.js";
import { s3Error, setUp } from "../fakes.js";

const ALGORITHM = "CRC64NVME";
const HEADER = "x-amz-checksum-crc64nvme";

/** What the thread does, here without a thread. */
async function digest(algorithm, file, start = 0, end = file.size) {
  const running = isCrc(algorithm) ? new RunningCrc(algorithm) : new RunningMd5();
  return running.update(new Uint8Array(await file.slice(start, end).arrayBuffer())).hex;
}

async function crcHeader(blob, algorithm = ALGORITHM) {
  return base64OfHex(await digest(algorithm, blob));
}

/** An upload whose store computes what it is told to; `damage` says which PUTs arrive damaged. */
async function begin({ algorithm = ALGORITHM, damage = () => false, size = 23, options = {}, portal = {}, exposed = true } = {}) {
  const parts = setUp({ size, portal: { checksum_algorithm: algorithm, ...portal }, options: { digest, ...options } });
  const right = new Map();
  for (let n = 1; n <= Math.ceil(size / 5); n++) right.set(n, await crcHeader(parts.file.slice(n * 5 - 5, n * 5), isCrc(algorithm) ? algorithm : ALGORITHM));
  parts.store.answer = (put, n) => {
    const checksum = damage(put, n) ? "AAAAAAAAAAA=" : right.get(put.partNumber);
    return { status: 200, headers: exposed ? { [`X-Amz-Checksum-${algorithm}`]: checksum } : {} };
  };
  const upload = new MultipartUpload(parts.file, parts.portal, parts.core);
  const retries = [];
  upload.addEventListener("partretry", ({ detail }) => retries.push(detail));
  return { ...parts, upload, retries };
}

describe("parts whose checksum the store computes", () => {
  for (const algorithm of ["CRC64NVME", "CRC32C"]) {
    test(`are compared by ${algorithm}, and the whole file's goes to the portal`, async () => {
      const { upload, clock, portal, file, retries } = await begin({ algorithm });
      upload.start();
      await clock.pass(0);
      assert.equal(upload.state, "complete");
      assert.deepEqual(retries, []);
      assert.deepEqual(portal.named("complete")[0].checksum, { algorithm, value: await crcHeader(file, algorithm) });
    });
  }

  test("are sent again when they arrived damaged", async () => {
    const { upload, clock, store, retries } = await begin({ damage: (put, n) => n === 2 || n === 3 });
    upload.start();
    await clock.pass(10_000);
    assert.equal(upload.state, "complete");
    assert.equal(store.puts.length, 7);
    assert.deepEqual(retries.map(({ failure }) => failure.code), ["BadDigest", "BadDigest"]);
    assert.match(retries[0].failure.message, /^CRC64NVME is \S+=, and AAAAAAAAAAA= was stored$/);
  });

  test("that arrive damaged again and again end in a failure", async () => {
    const { upload, clock, store } = await begin({ damage: (put) => put.partNumber === 3 });
    upload.start();
    await clock.pass(600_000);
    assert.equal(upload.state, "failed");
    assert.equal(upload.error.code, "store_failed");
    assert.equal(store.puts.filter((put) => put.partNumber === 3).length, 10);
  });

  test("are read again before they are called damaged twice: it may be the reading that went wrong", async () => {
    let reads = 0;
    const { upload, clock, store } = await begin({
      size: 5,
      options: { digest: async (...asked) => (++reads === 1 ? "0".repeat(16) : digest(...asked)) },
    });
    upload.start();
    await clock.pass(10_000);
    assert.equal(upload.state, "complete");
    assert.equal(store.puts.length, 2);
  });

  test("are believed where the bucket's rule hides the answer, and the whole is still compared", async () => {
    const { upload, clock, store, portal } = await begin({ exposed: false });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.equal(store.puts.length, 5);
    assert.equal(portal.named("complete")[0].checksum.algorithm, ALGORITHM);
  });
});

describe("parts at a store that knows no CRC", () => {
  test("carry their MD5, which the store compares", async () => {
    const { upload, clock, store, portal, file } = await begin({ algorithm: "MD5" });
    upload.start();
    await clock.pass(0);
    const md5 = (bytes) => createHash("md5").update(bytes).digest();
    const md5s = [];
    for (let n = 1; n <= 5; n++) md5s.push(md5(new Uint8Array(await file.slice(n * 5 - 5, n * 5).arrayBuffer())));
    for (const put of store.puts) assert.equal(put.headers["Content-MD5"], md5s[put.partNumber - 1].toString("base64"));
    const value = `${md5(Buffer.concat(md5s)).toString("hex")}-5`;
    assert.deepEqual(portal.named("complete")[0].checksum, { algorithm: "MD5", value });
  });

  test("are sent again when the store says BadDigest", async () => {
    const { upload, clock, store } = await begin({ algorithm: "MD5" });
    const right = store.answer;
    store.answer = (put, n) => (n === 1 ? s3Error(400, "BadDigest") : right(put, n));
    upload.start();
    await clock.pass(10_000);
    assert.equal(upload.state, "complete");
    assert.equal(store.puts.length, 6);
  });
});

describe("nothing is computed", () => {
  const untouched = async () => assert.fail("a checksum was computed");

  for (const [when, given] of [
    ["where the portal names no algorithm", { algorithm: null, options: { digest: untouched } }],
    ["where the option is off", { options: { checksum: false, digest: untouched } }],
  ]) {
    test(when, async () => {
      const { upload, clock, portal } = await begin(given);
      upload.start();
      await clock.pass(0);
      assert.equal(upload.state, "complete");
      assert.equal(portal.named("complete")[0].checksum, null);
    });
  }

  test("and nothing claimed, where the thread cannot work", async () => {
    const { upload, clock, portal } = await begin({ options: { digest: async () => null } });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.equal(portal.named("complete")[0].checksum, null);
  });
});
