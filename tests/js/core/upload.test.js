import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { fingerprint } from "../../../js/src/core/fingerprint.js";
import { assertSame, begin } from "./begun-upload.js";
import { s3Error, settle } from "../fakes.js";

describe("an upload that nothing disturbs", () => {
  test("stores the file's bytes part by part and is completed by the portal", async () => {
    const { upload, clock, store, file, portal, states, of } = begin();
    upload.start();
    await clock.pass(0);
    assert.deepEqual(states, ["preparing", "uploading", "completing", "complete"]);
    await assertSame(store, file);
    assert.deepEqual(store.puts.map((put) => put.size).sort(), [3, 5, 5, 5, 5]);
    assert.equal(portal.named("complete").length, 1);
    assert.equal(of("complete")[0].upload.state, "completed");
    assert.equal(clock.waiting, 0, "no timer is left behind");
  });

  test("tells the portal what the file is", async () => {
    const { upload, clock, portal, file } = begin();
    upload.start();
    await clock.pass(0);
    const { idempotency_key, ...request } = portal.named("create")[0].given;
    assert.deepEqual(request, {
      filename: "river-gauges.csv",
      size: 23,
      content_type: "text/csv",
      fingerprint: await fingerprint(file),
    });
    assert.match(idempotency_key, /^[0-9a-f]{32}$/);
  });

  test("tells the portal how far the store is, where that was measured", async () => {
    for (const [roundTripMs, expected] of [[181, 181], [null, undefined]]) {
      const { upload, clock, portal } = begin({ options: { roundTripMs: Promise.resolve(roundTripMs) } });
      upload.start();
      await clock.pass(0);
      assert.equal(portal.named("create")[0].given.round_trip_ms, expected);
    }
  });

  test("sends an empty file as one empty part", async () => {
    const { upload, clock, store, states } = begin({ size: 0 });
    upload.start();
    await clock.pass(0);
    assert.deepEqual(store.puts.map((put) => [put.partNumber, put.size]), [[1, 0]]);
    assert.equal(states.at(-1), "complete");
  });

  test("sends the headers as they were signed, but for those that only the browser may set", async () => {
    const { upload, clock, store } = begin();
    upload.start();
    await clock.pass(0);
    for (const put of store.puts) assert.deepEqual(put.headers, { "x-test": "as given" });
  });

  for (const concurrency of [1, 4, 6]) {
    test(`never has more than ${concurrency} parts in flight where ${concurrency} are allowed`, async () => {
      const { upload, clock, store } = begin({ size: 200, options: { concurrency } });
      upload.start();
      await clock.pass(0);
      assert.equal(store.mostInFlight, concurrency);
      assert.equal(store.stored.size, 40);
    });
  }

  test("reports progress that never goes back and ends at the whole", async () => {
    const { upload, clock, of } = begin({ size: 200, answer: (put, n) => (n % 5 === 0 ? { status: 503 } : { status: 200 }) });
    upload.start();
    await clock.pass(60_000);
    const loaded = of("progress").map((event) => event.loaded);
    assert.deepEqual(loaded, [...loaded].sort((a, b) => a - b));
    assert.equal(loaded.at(-1), 200);
    assert.ok(loaded.every((bytes) => bytes <= 200));
  });
});

describe("signatures", () => {
  test("are fetched in batches, before they are needed", async () => {
    const { upload, clock, store, portal } = begin({ size: 500, answer: () => "hold", portal: { firstBatch: 20 } });
    upload.start();
    await clock.pass(0);
    assert.equal(portal.named("signParts").length, 0, "twenty came with the upload");
    while (store.stored.size < 16) {
      store.release();
      await settle();
    }
    assert.equal(portal.named("signParts").length, 1, "more are asked for while some are left");
    assert.ok(portal.named("signParts")[0].given.length >= 16);
    while (upload.state === "uploading") {
      store.release();
      await settle();
    }
    const signed = portal.named("signParts").flatMap((call) => call.given);
    assert.equal(new Set(signed).size, signed.length, "no part is signed twice");
    assert.ok(portal.named("signParts").length <= 6);
  });

  test("that expired are replaced without spending a try", async () => {
    const expired = s3Error(403, "AccessDenied", "Request has expired");
    const { upload, clock, of, states } = begin({
      size: 5,
      answer: (put, n) => (n === 1 ? expired : { status: 200 }),
      options: { retry: { tries: 1 } },
    });
    upload.start();
    await clock.pass(0);
    assert.equal(states.at(-1), "complete");
    assert.deepEqual(of("partretry").map((event) => [event.tries, event.signedAgain]), [[0, true]]);
  });

  test("of one age are all replaced when one expired", async () => {
    let expiredUrls = new Set();
    const { upload, clock, store, portal } = begin({
      size: 100,
      portal: { firstBatch: 20 },
      answer: (put) => (expiredUrls.has(put.url) ? s3Error(400, "ExpiredToken") : "hold"),
    });
    upload.start();
    await clock.pass(0);
    upload.pause();
    expiredUrls = new Set(Array.from({ length: 20 }, (_, i) => `https://store.example/bucket/key?partNumber=${i + 1}&signature=${i + 1}`));
    await clock.pass(1_000);
    upload.resume();
    await clock.pass(0);
    assert.ok(store.puts.filter((put) => expiredUrls.has(put.url)).length <= 8, "not every old URL was tried");
    assert.ok(portal.named("signParts").length <= 3);
    assert.equal(upload.state, "uploading");
    assert.equal(store.inFlight, 4);
  });

  test("that are always called expired end in a failure, not in a loop", async () => {
    const { upload, clock, store } = begin({ size: 5, answer: () => s3Error(403, "AccessDenied", "Request has expired") });
    upload.start();
    await clock.pass(600_000);
    assert.equal(upload.state, "failed");
    assert.ok(store.puts.length <= 13);
  });
});

describe("calls out of turn", () => {
  test("are refused and change nothing", async () => {
    const { upload, states } = begin();
    assert.throws(() => upload.pause(), /idle cannot become paused/);
    assert.throws(() => upload.resume(), /Start it first/);
    assert.equal(upload.state, "idle");
    assert.deepEqual(states, []);
  });

  test("a second start is refused", async () => {
    const { upload, clock, portal } = begin();
    upload.start();
    assert.throws(() => upload.start(), /preparing cannot become preparing/);
    await clock.pass(0);
    assert.equal(portal.named("create").length, 1);
    assert.throws(() => upload.pause(), /complete cannot become paused/);
    assert.throws(() => upload.resume(), RangeError);
  });
});
