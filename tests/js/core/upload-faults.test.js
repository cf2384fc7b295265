import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { UploadError } from "../../../js/src/core/errors.js";
import { assertSame, begin } from "./begun-upload.js";
import { noConnection, numberedFile, s3Error } from "../fakes.js";

describe("faults of the store", () => {
  test("every fifth part answered 503 is tried again", async () => {
    const { upload, clock, store, file, of } = begin({ size: 200, answer: (put, n) => (n % 5 === 0 ? { status: 503 } : { status: 200 }) });
    upload.start();
    await clock.pass(60_000);
    assert.equal(upload.state, "complete");
    await assertSame(store, file);
    assert.equal(of("partretry").length, store.puts.length - 40);
  });

  test("a connection that is cut is tried again", async () => {
    const { upload, clock, store, file } = begin({ answer: (put, n) => (n === 2 ? "cut" : { status: 200 }) });
    upload.start();
    await clock.pass(1_000);
    assert.equal(upload.state, "complete");
    await assertSame(store, file);
  });

  test("a part on which no byte moves is stopped and sent again", async () => {
    const { upload, clock, store, of } = begin({ size: 5, answer: (put, n) => (n === 1 ? "silent" : { status: 200 }) });
    upload.start();
    await clock.pass(44_999);
    assert.equal(store.puts.length, 1);
    await clock.pass(1_000);
    assert.equal(upload.state, "complete");
    assert.equal(store.aborted, 1);
    assert.equal(of("partretry")[0].failure.message, "no byte moved");
  });

  test("a slow part on which bytes do move is left alone", async () => {
    const { upload, clock, store } = begin({ size: 5, answer: () => "hold" });
    upload.start();
    for (let sent = 1; sent < 5; sent++) {
      await clock.pass(44_000);
      store.puts[0].xhr.upload.onprogress({ loaded: sent });
    }
    assert.equal(store.puts.length, 1);
    store.release();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
  });

  test("a refusal for good stops at once and keeps what is stored", async () => {
    const { upload, clock, store, of } = begin({
      size: 100,
      answer: (put) => (put.partNumber === 7 ? s3Error(403, "AccessDenied", "not by this policy") : { status: 200 }),
    });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.state, "failed");
    const { error } = of("error")[0];
    assert.equal(error.code, "store_refused");
    assert.equal(error.status, 403);
    assert.match(error.message, /^PUT https:.*: 403 not by this policy$/);
    assert.deepEqual(error.facts, { part: 7, store_code: "AccessDenied" });
    assert.equal(store.puts.filter((put) => put.partNumber === 7).length, 1);
    assert.equal(store.inFlight, 0);
  });

  test("an outage of all tries fails, and Try again sends only the rest", async () => {
    let down = false;
    const { upload, clock, store, file, of } = begin({
      size: 50,
      answer: (put, n) => ((down = down || n > 5) ? { status: 500 } : { status: 200 }),
    });
    upload.start();
    await clock.pass(600_000);
    assert.equal(upload.state, "failed");
    assert.equal(of("error")[0].error.code, "store_failed");
    const before = store.puts.length;
    store.answer = () => ({ status: 200 });
    upload.resume();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.equal(store.puts.length - before, 5);
    await assertSame(store, file);
  });

  test("ten tries are made of one part, with growing pauses", async () => {
    const { upload, clock, store, of } = begin({ size: 5, answer: () => ({ status: 503 }) });
    upload.start();
    await clock.pass(600_000);
    assert.equal(store.puts.length, 10);
    assert.deepEqual(
      of("partretry").map((event) => event.delayMs),
      [150, 300, 600, 1_200, 2_400, 4_800, 9_600, 15_000, 15_000],
    );
  });

  test("a store that never answered at all is not called a lost connection", async () => {
    const { upload, clock, of } = begin({ answer: () => "cut" });
    upload.start();
    await clock.pass(10_000);
    const [{ error }] = of("error");
    assert.equal(error.code, "no_answer_from_store");
    assert.match(error.message, /^PUT https:\/\/store\.example\/bucket\/key: /, "the request is named");
    assert.doesNotMatch(error.message, /signature/, "and what signs it is not");
  });

  test("a store that never answered is waited for as long as the portal does not answer either", async () => {
    const { upload, clock, network, store } = begin({ answer: () => "cut" });
    network.reachable = false;
    upload.start();
    await clock.pass(10_000);
    assert.equal(upload.state, "uploading");
    store.answer = () => ({ status: 200 });
    await clock.pass(60_000);
    assert.equal(upload.state, "complete");
  });

  test("three lost parts are no blocked store", async () => {
    const { upload, clock } = begin({ size: 5, answer: (put, n) => (n <= 3 ? "cut" : { status: 200 }) });
    upload.start();
    await clock.pass(60_000);
    assert.equal(upload.state, "complete");
  });

  test("an upload that the store has forgotten starts over on Try again", async () => {
    const { upload, clock, store, portal, file } = begin({ answer: (put, n) => (n > 2 ? s3Error(404, "NoSuchUpload") : { status: 200 }) });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.error.code, "upload_gone");
    store.answer = () => ({ status: 200 });
    store.stored.clear();
    upload.resume();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    const keys = portal.named("create").map((call) => call.given.idempotency_key);
    assert.equal(new Set(keys).size, 2);
    await assertSame(store, file);
  });

  test("a file that can no longer be read says so", async () => {
    const file = numberedFile(5);
    file.slice = () => Object.assign(new Blob(["12345"]), { arrayBuffer: () => Promise.reject(new Error("NotReadableError")) });
    const { upload, clock, of } = begin({ file, answer: () => "cut" });
    upload.start();
    await clock.pass(0);
    assert.equal(of("error")[0].error.code, "file_unreadable");
  });
});

describe("faults of the portal", () => {
  test("complete answered 502, then right, completes once", async () => {
    const complete = (id, usual, n) => {
      if (n < 3) throw new UploadError("store_failed", "bad gateway", { status: 502 });
      return usual();
    };
    const { upload, clock, portal, of } = begin({ portal: { complete } });
    upload.start();
    await clock.pass(10_000);
    assert.equal(upload.state, "complete");
    assert.equal(portal.named("complete").length, 3);
    assert.equal(of("complete").length, 1);
  });

  test("parts that complete finds missing are sent again", async () => {
    const complete = (id, usual, n) => {
      if (n === 1) throw new UploadError("parts_missing", "", { status: 409, facts: { missing: "2,4-5" } });
      return usual();
    };
    const { upload, clock, store, states } = begin({ portal: { complete } });
    upload.start();
    await clock.pass(0);
    assert.deepEqual(states, ["preparing", "uploading", "completing", "uploading", "completing", "complete"]);
    assert.deepEqual(store.puts.slice(5).map((put) => put.partNumber).sort(), [2, 4, 5]);
  });

  test("parts that stay missing end in a failure", async () => {
    const complete = () => {
      throw new UploadError("parts_missing", "", { status: 409, facts: { missing: "1" } });
    };
    const { upload, clock, portal } = begin({ portal: { complete } });
    upload.start();
    await clock.pass(60_000);
    assert.equal(upload.state, "failed");
    assert.equal(portal.named("complete").length, 4);
  });

  test("a refused create fails at once with the portal's sentence", async () => {
    const create = () => {
      throw new UploadError("file_too_large", "", { status: 413, sentence: "At most 5 GB.", facts: { limit: 5e9 } });
    };
    const { upload, clock, portal, states } = begin({ portal: { create } });
    upload.start();
    await clock.pass(60_000);
    assert.deepEqual(states, ["preparing", "failed"]);
    assert.equal(upload.error.sentence, "At most 5 GB.");
    assert.equal(portal.named("create").length, 1);
  });

  test("a create without an answer is repeated with the same key", async () => {
    const create = (request, usual, n) => {
      if (n < 3) throw noConnection();
      return usual();
    };
    const { upload, clock, portal } = begin({ portal: { create } });
    upload.start();
    await clock.pass(5_000);
    assert.equal(upload.state, "complete");
    assert.equal(new Set(portal.named("create").map((call) => call.given.idempotency_key)).size, 1);
  });

  test("a plan that does not hold the file is not followed", async () => {
    const create = (request, usual) => {
      const answer = usual();
      return { ...answer, upload: { ...answer.upload, part_count: 99 } };
    };
    const { upload, clock, store } = begin({ portal: { create } });
    upload.start();
    await clock.pass(0);
    assert.equal(upload.error.code, "unreadable_answer");
    assert.equal(store.puts.length, 0);
  });
});
