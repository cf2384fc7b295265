import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { UploadError } from "../../js/src/errors.js";
import { fingerprint } from "../../js/src/fingerprint.js";
import { MultipartUpload } from "../../js/src/upload.js";
import { noConnection, numberedFile, s3Error, setUp, settle, until } from "./fakes.js";

function begin(given) {
  const parts = setUp(given);
  const upload = new MultipartUpload(parts.file, parts.portal, parts.core);
  const states = [];
  const events = [];
  for (const type of ["statechange", "progress", "partcomplete", "partretry", "complete", "error"]) {
    upload.addEventListener(type, (event) => events.push({ type, ...event.detail }));
  }
  upload.addEventListener("statechange", (event) => states.push(event.detail.to));
  return { ...parts, upload, states, events, of: (type) => events.filter((event) => event.type === type) };
}

async function storedBytes(store) {
  const parts = [...store.stored].sort((a, b) => a[0] - b[0]).map(([, blob]) => blob);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function assertSame(store, file) {
  assert.deepEqual(await storedBytes(store), new Uint8Array(await file.arrayBuffer()));
}

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

  test("tells the portal how far the store is, where it is told where", async () => {
    for (const [storeUrl, expected] of [["https://store.example", 181], ["https://nowhere.example", undefined]]) {
      const { upload, clock, portal } = begin({ options: { storeUrl } });
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
    assert.match(error.message, /part 7: 403 AccessDenied not by this policy/);
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
    await clock.pass(600_000);
    assert.equal(of("error")[0].error.code, "no_answer_from_store");
  });

  test("an upload that the store has forgotten begins anew on Try again", async () => {
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

  test("a file that cannot be read any more says so", async () => {
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

describe("pausing", () => {
  test("stops what is in flight and later sends only what is missing", async () => {
    const { upload, clock, store, file, states } = begin({ size: 50, answer: (put, n) => (n <= 4 ? { status: 200 } : "hold") });
    upload.start();
    await clock.pass(0);
    upload.pause();
    await clock.pass(100_000);
    assert.equal(store.inFlight, 0);
    assert.equal(store.stored.size, 4);
    const before = store.puts.length;
    store.answer = () => ({ status: 200 });
    upload.resume();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.equal(store.puts.length - before, 6);
    assert.deepEqual(states, ["preparing", "uploading", "paused", "uploading", "completing", "complete"]);
    await assertSame(store, file);
  });

  test("while preparing makes no second upload", async () => {
    const { upload, clock, portal } = begin();
    upload.start();
    upload.pause();
    upload.resume();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.equal(portal.named("create").length, 1);
  });

  test("in the pause between two tries takes the part up again", async () => {
    const { upload, clock, store } = begin({ size: 5, answer: (put, n) => (n === 1 ? { status: 503 } : { status: 200 }) });
    upload.start();
    await clock.pass(0);
    upload.pause();
    await clock.pass(10_000);
    assert.equal(store.puts.length, 1);
    upload.resume();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
    assert.equal(store.puts.length, 2);
  });

  test("does not count for the speed", async () => {
    const { upload, clock, store } = begin({ size: 100, answer: () => "hold", options: { concurrency: 1 } });
    upload.start();
    for (let i = 0; i < 4; i++) {
      await clock.pass(1_000);
      store.release();
      await settle();
    }
    const before = upload.progress.bytesPerSecond;
    upload.pause();
    await clock.pass(3_600_000);
    upload.resume();
    await clock.pass(0);
    assert.ok(Math.abs(upload.progress.bytesPerSecond - before) < 1);
  });
});

describe("a lost network", () => {
  test("stops the upload, and its return goes on with the rest", async () => {
    const { upload, clock, store, network, file, states } = begin({ size: 50, answer: (put, n) => (n <= 4 ? { status: 200 } : "hold") });
    upload.start();
    await clock.pass(0);
    network.reachable = false;
    network.say(false);
    await clock.pass(100_000);
    assert.equal(upload.state, "offline");
    assert.equal(store.inFlight, 0);
    store.answer = () => ({ status: 200 });
    network.say(true);
    await clock.pass(0);
    assert.deepEqual(states, ["preparing", "uploading", "offline", "uploading", "completing", "complete"]);
    await assertSame(store, file);
  });

  test("that no event announces is noticed, and its return is looked for", async () => {
    const { upload, clock, store, network } = begin({ size: 50, answer: (put, n) => (n <= 4 ? { status: 200 } : "cut") });
    network.reachable = false;
    upload.start();
    await clock.pass(300_000);
    assert.equal(upload.state, "offline");
    const tried = store.puts.length;
    await clock.pass(300_000);
    assert.equal(store.puts.length, tried, "nothing is sent while nothing answers");
    network.reachable = true;
    store.answer = () => ({ status: 200 });
    await clock.pass(15_000);
    assert.equal(upload.state, "complete");
  });

  test("that comes back again and again without a part getting through is a failure in the end", async () => {
    const { upload, clock } = begin({ size: 50, answer: (put, n) => (n <= 4 ? { status: 200 } : "cut") });
    upload.start();
    await clock.pass(3_600_000);
    assert.equal(upload.state, "failed");
    assert.equal(upload.error.code, "no_connection");
  });

  test("while completing completes when it is back", async () => {
    let lost = true;
    const complete = (id, usual) => {
      if (lost) throw noConnection();
      return usual();
    };
    const { upload, clock, network, states } = begin({ portal: { complete } });
    upload.start();
    await clock.pass(0);
    network.say(false);
    await clock.pass(0);
    lost = false;
    network.say(true);
    await clock.pass(0);
    assert.deepEqual(states.slice(-4), ["completing", "offline", "completing", "complete"]);
  });

  test("does not wake an upload that the publisher paused", async () => {
    const { upload, clock, network } = begin({ size: 50, answer: () => "hold" });
    upload.start();
    await clock.pass(0);
    upload.pause();
    network.say(false);
    network.say(true);
    await clock.pass(60_000);
    assert.equal(upload.state, "paused");
  });
});

describe("cancelling", () => {
  test("stops the requests first and then tells the portal", async () => {
    let inFlightAtAbort = -1;
    const { upload, clock, store, portal, states } = begin({
      size: 50,
      answer: () => "hold",
      portal: { abort: (id, usual) => ((inFlightAtAbort = store.inFlight), usual()) },
    });
    upload.start();
    await clock.pass(0);
    assert.equal(store.inFlight, 4);
    const cancelled = upload.cancel();
    await clock.pass(0);
    await cancelled;
    assert.equal(inFlightAtAbort, 0);
    assert.deepEqual(portal.named("abort").map((call) => call.given), ["u-1"]);
    assert.deepEqual(states.slice(-2), ["aborting", "aborted"]);
    assert.equal(clock.waiting, 0);
  });

  test("while the upload is being created aborts what the portal made", async () => {
    const { upload, clock, portal } = begin();
    upload.start();
    await until(() => portal.calls.length > 0);
    const cancelled = upload.cancel();
    await clock.pass(0);
    await cancelled;
    assert.deepEqual(portal.calls.map((call) => call.name), ["create", "abort"]);
    assert.equal(upload.state, "aborted");
  });

  test("before the portal was asked is nothing to the portal", async () => {
    const { upload, clock, portal } = begin();
    upload.start();
    const cancelled = upload.cancel();
    await clock.pass(0);
    await cancelled;
    assert.equal(portal.calls.length, 0);
    assert.equal(upload.state, "aborted");
  });

  test("ends although the portal cannot be told", async () => {
    const { upload, clock, portal } = begin({
      answer: () => "hold",
      portal: {
        abort: () => {
          throw noConnection();
        },
      },
    });
    upload.start();
    await clock.pass(0);
    upload.cancel();
    await clock.pass(60_000);
    assert.equal(upload.state, "aborted");
    assert.equal(portal.named("abort").length, 3);
  });

  test("an upload that never began is nothing to the portal", async () => {
    const { upload, portal } = begin();
    await upload.cancel();
    assert.equal(upload.state, "aborted");
    assert.equal(portal.calls.length, 0);
  });

  test("a complete upload throws it away at the portal", async () => {
    const { upload, clock, portal } = begin();
    upload.start();
    await clock.pass(0);
    const cancelled = upload.cancel();
    await clock.pass(0);
    await cancelled;
    assert.equal(portal.named("abort").length, 1);
  });
});

describe("calls out of turn", () => {
  test("are refused and change nothing", async () => {
    const { upload, states } = begin();
    assert.throws(() => upload.pause(), /idle cannot become paused/);
    assert.throws(() => upload.resume(), /idle has to be started/);
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
