import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { assertSame, begin } from "./begun-upload.js";
import { noConnection, settle, until } from "../fakes.js";

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

  test("does not count for the speed, which is measured again", async () => {
    const { upload, clock, store } = begin({ size: 100, answer: () => "hold", options: { concurrency: 1 } });
    upload.start();
    const sendSome = async () => {
      for (let i = 0; i < 4; i++) {
        await clock.pass(1_000);
        store.release();
        await settle();
        upload.progress;
      }
    };
    await sendSome();
    const before = upload.progress.bytesPerSecond;
    upload.pause();
    await clock.pass(3_600_000);
    upload.resume();
    await clock.pass(0);
    assert.equal(upload.progress.bytesPerSecond, null);
    await sendSome();
    assert.ok(Math.abs(upload.progress.bytesPerSecond - before) < 1);
  });
});

describe("a lost network", () => {
  test("stops the upload, and its return resumes with the rest", async () => {
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
    const signParts = () => {
      throw noConnection();
    };
    const { upload, clock } = begin({ size: 50, portal: { signParts } });
    upload.start();
    await clock.pass(3_600_000);
    assert.equal(upload.state, "failed");
    assert.equal(upload.error.code, "no_connection");
  });

  test("a part that never gets through, where all else does, is said to be that, and its request is named", async () => {
    const answer = ({ partNumber }) => (partNumber === 7 ? "cut" : { status: 200 });
    const { upload, clock, store, states } = begin({ size: 50, answer });
    upload.start();
    await clock.pass(3_600_000);
    assert.deepEqual(states, ["preparing", "uploading", "failed"], "nothing is said of a lost connection");
    assert.deepEqual([upload.error.code, upload.error.facts.part], ["part_unanswered", 7]);
    assert.match(upload.error.message, /^PUT https:\/\/store\.example\/bucket\/key: /);
    assert.equal(store.puts.filter(({ partNumber }) => partNumber === 7).length, 20);
    store.answer = () => ({ status: 200 });
    upload.resume();
    await clock.pass(0);
    assert.equal(upload.state, "complete");
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
