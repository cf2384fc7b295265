import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { RunningCrc, base64OfHex } from "../../../js/src/core/crc.js";
import { UploadError } from "../../../js/src/core/errors.js";
import { fingerprint } from "../../../js/src/core/fingerprint.js";
import { MultipartUpload } from "../../../js/src/core/upload.js";
import { numberedFile, s3Error, setUp } from "../fakes.js";

/** An upload that another page began, of which the portal says that the store has some parts. */
async function takeUp({ size = 50, stored = "1-3,7", file = numberedFile(size), state = "uploading", picked = file, checksum_algorithm = null, ...given } = {}) {
  const parts = setUp({ file: picked, ...given });
  const unfinished = {
    ...{ id: "u-9", state: "uploading", filename: file.name, size: file.size, part_size: 5, stored: null },
    ...{ part_count: Math.max(1, Math.ceil(file.size / 5)), fingerprint: await fingerprint(file) },
  };
  parts.portal.upload = { ...unfinished, state, stored, checksum_algorithm };
  const upload = new MultipartUpload(picked, parts.portal, { ...parts.core, resume: unfinished });
  const progress = [];
  upload.addEventListener("progress", ({ detail }) => progress.push(detail.loaded));
  return { ...parts, upload, progress, file };
}

describe("an unfinished upload that is taken up", () => {
  test("sends only what is missing, each part in its place", async () => {
    const { upload, clock, store, portal, file } = await takeUp();
    upload.start();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.deepEqual(store.puts.map((put) => put.partNumber).sort((a, b) => a - b), [4, 5, 6, 8, 9, 10]);
    assert.equal(await store.stored.get(8).text(), await file.slice(35, 40).text());
    assert.deepEqual(portal.calls.filter((call) => call.name !== "signParts"), [
      { name: "show", given: "u-9" },
      { name: "complete", given: "u-9", checksum: null },
    ]);
  });

  test("of 1,110 parts of which 1,100 are stored sends ten", async () => {
    const { upload, clock, store } = await takeUp({ size: 1_110 * 5, stored: "1-1095,1101-1105" });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.deepEqual(store.puts.map((put) => put.partNumber).sort((a, b) => a - b), [1096, 1097, 1098, 1099, 1100, 1106, 1107, 1108, 1109, 1110]);
  });

  test("shows from the beginning what is stored", async () => {
    const { upload, clock, progress } = await takeUp({ answer: () => "hold" });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.progress.loaded, 20);
    assert.ok(progress.every((loaded) => loaded >= 20));
  });

  test("reads what was stored before for the checksum of the whole file", async () => {
    const crc = async (algorithm, blob) => new RunningCrc(algorithm).update(new Uint8Array(await blob.arrayBuffer())).hex;
    const digest = (algorithm, file, start, end) => crc(algorithm, file.slice(start, end));
    const { upload, clock, portal, file } = await takeUp({ checksum_algorithm: "CRC32C", options: { digest } });
    upload.start();
    await clock.pass(0);
    const value = base64OfHex(await crc("CRC32C", file));
    assert.deepEqual(portal.named("complete")[0].checksum, { algorithm: "CRC32C", value });
  });

  test("whose stored parts are of another file starts over on Try again", async () => {
    const complete = (id, usual, n) => {
      if (n === 1) throw new UploadError("content_differs", "", { status: 422, facts: { what: "checksum" } });
      return usual();
    };
    const { upload, clock, store, portal } = await takeUp({ portal: { complete } });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.error.code, "content_differs");
    upload.resume();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.equal(portal.named("create").length, 1);
    assert.equal(store.stored.size, 10);
  });

  test("of which everything is stored is completed without sending anything", async () => {
    const { upload, clock, store } = await takeUp({ stored: "1-10" });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.equal(store.puts.length, 0);
  });

  test("that was completed, and only the answer was lost, is complete", async () => {
    const { upload, clock, store } = await takeUp({ state: "completed", stored: "1-10" });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.equal(store.puts.length, 0);
  });

  test("is shown again while the portal does not answer", async () => {
    const show = (id, usual, n) => {
      if (n < 3) throw new UploadError("store_unavailable", "", { status: 503 });
      return usual();
    };
    const { upload, clock } = await takeUp({ portal: { show } });
    upload.start();
    await clock.pass(10_000);
    assert.equal(upload.state, "complete");
  });

  test("can be paused while it is looked up, and cancelled: the portal is told", async () => {
    const { upload, clock, portal } = await takeUp();
    upload.start();
    upload.pause();
    await clock.pass(0);
    upload.cancel();
    await clock.pass(0);
    assert.equal(upload.state, "aborted");
    assert.deepEqual(portal.named("abort").map((call) => call.given), ["u-9"]);
  });

  test("does not resume with another file, and says what differs", async () => {
    const { upload, clock, store, portal } = await takeUp({ picked: numberedFile(51) });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.state, "failed");
    assert.equal(upload.error.code, "wrong_file");
    assert.deepEqual(upload.error.facts, { reason: "size", expected: 50, given: 51 });
    assert.equal(store.puts.length + portal.calls.length, 0, "neither store nor portal was asked anything");
  });

  test("is kept at the portal when a wrong file that was picked for it is put away", async () => {
    const { upload, clock, portal } = await takeUp({ picked: numberedFile(51) });
    upload.start();
    await clock.pass(0);
    upload.cancel();
    await clock.pass(0);
    assert.equal(upload.state, "aborted");
    assert.equal(portal.calls.length, 0);
  });

  for (const state of ["aborted", "attached"]) {
    test(`that is ${state} meanwhile begins anew on Try again`, async () => {
      const { upload, clock, store, portal } = await takeUp({ state, stored: null });
      upload.start();
      await clock.pass(0);
      assert.equal(upload.error.code, "upload_gone");
      upload.resume();
      await clock.pass(0);
      assert.equal(upload.state, "complete");
      assert.equal(portal.named("create").length, 1);
      assert.equal(store.stored.size, 10);
    });
  }

  test("that the store forgets on the way starts over on Try again", async () => {
    const { upload, clock, store } = await takeUp({ answer: () => s3Error(404, "NoSuchUpload") });
    upload.start();
    await clock.pass(0);
    store.answer = () => ({ status: 200 });
    upload.resume();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.equal(store.stored.size, 10, "nothing of the old upload is taken for stored");
  });
});
