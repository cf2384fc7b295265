import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ConnectionPool } from "../../../js/src/core/connection-pool.js";
import { MultipartUpload } from "../../../js/src/core/upload.js";
import { numberedFile, setUp, settle } from "../fakes.js";

const never = new AbortController().signal;

describe("a pool of connections", () => {
  test("gives out so many and no more, and those that came first come first", async () => {
    const pool = new ConnectionPool(2);
    const served = [];
    const taken = ["a", "b", "c", "d"].map((name) => pool.take(never).then((giveBack) => (served.push(name), giveBack)));
    await settle();
    assert.deepEqual(served, ["a", "b"]);
    (await taken[0])();
    await settle();
    assert.deepEqual(served, ["a", "b", "c"]);
  });

  test("forgets who does not want to wait any longer", async () => {
    const pool = new ConnectionPool(1);
    const giveBack = await pool.take(never);
    const stop = new AbortController();
    const waiting = pool.take(stop.signal);
    const after = pool.take(never);
    stop.abort();
    await assert.rejects(waiting, { name: "AbortError" });
    giveBack();
    (await after)();
    assert.equal(typeof (await pool.take(never)), "function", "no connection was lost");
  });

  test("gives nothing to who gave up before", async () => {
    await assert.rejects(new ConnectionPool(1).take(AbortSignal.abort()), { name: "AbortError" });
  });
});

describe("several files that share a pool", () => {
  function several(count, given = {}) {
    const parts = setUp({ size: 100, ...given });
    const pool = new ConnectionPool(4);
    const uploads = Array.from({ length: count }, (_, i) => new MultipartUpload(numberedFile(100, `${i}.csv`), parts.portal, { ...parts.core, pool }));
    return { ...parts, uploads };
  }

  test("have four parts in flight together", async () => {
    const { uploads, clock, store } = several(3);
    for (const upload of uploads) upload.start();
    await clock.pass(0);
    assert.deepEqual(uploads.map((upload) => upload.state), ["complete", "complete", "complete"]);
    assert.equal(store.puts.length, 60);
    assert.equal(store.mostInFlight, 4);
  });

  test("leave their connections to the others when they are paused or fail", async () => {
    const { uploads, clock, store } = several(2, { answer: () => "hold" });
    uploads[0].start();
    await clock.pass(0);
    uploads[1].start();
    await clock.pass(0);
    assert.equal(store.puts.length, 4);
    uploads[0].pause();
    store.answer = () => ({ status: 200 });
    await clock.pass(0);
    assert.equal(uploads[1].state, "complete");
  });

  test("leave their connections to the others while they wait for another try", async () => {
    const { uploads, clock, store } = several(2, { answer: () => ({ status: 503 }), options: { random: () => 1 } });
    uploads[0].start();
    await clock.pass(0);
    store.answer = () => ({ status: 200 });
    uploads[1].start();
    await settle();
    assert.equal(uploads[0].state, "uploading");
    assert.equal(uploads[1].state, "complete", "before the first one tries again");
  });
});
