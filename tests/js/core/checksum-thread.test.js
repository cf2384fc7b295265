import assert from "node:assert/strict";
import { describe, test } from "node:test";

const LISTENING_MS = 10_000;

/** The workers that were begun, the newest last. */
let workers = [];

class FakeWorker {
  asked = [];
  isTerminated = false;

  constructor() {
    workers.push(this);
  }

  postMessage(question) {
    this.asked.push(question);
  }

  terminate() {
    this.isTerminated = true;
  }

  say(data) {
    this.onmessage({ data });
  }
}

let pages = 0;

/** The module of a page of its own, with time that tests move. */
async function openPage(t, Worker = FakeWorker) {
  workers = [];
  globalThis.Worker = Worker;
  t.mock.timers.enable({ apis: ["setInterval"] });
  return import(`../../../js/src/core/checksum-thread.js?page=${++pages}`);
}

const file = () => new Blob(["some bytes"]);

describe("the thread for checksums", () => {
  test("is begun once, and answers in the order of the questions", async (t) => {
    const { digestInThread } = await openPage(t);
    const one = file();
    const answers = [digestInThread("MD5", one, 0, 5), digestInThread("MD5", one, 5, 10), digestInThread("MD5", file(), 0, 1)];
    const [worker] = workers;
    worker.say("a");
    worker.say(0);
    worker.say(null);
    worker.say("c");
    assert.deepEqual(await Promise.all(answers), ["a", null, "c"]);
    assert.equal(workers.length, 1);
    const ids = worker.asked.map(([, , fileId]) => fileId);
    assert.ok(ids[0] === ids[1] && ids[1] !== ids[2], "a file is known by its number");
  });

  test("that says nothing is replaced, and the other one is asked everything again", async (t) => {
    const { digestInThread } = await openPage(t);
    const answers = [digestInThread("MD5", file(), 0, 5), digestInThread("MD5", file(), 0, 5)];
    t.mock.timers.tick(2 * LISTENING_MS);
    assert.equal(workers.length, 1);
    t.mock.timers.tick(LISTENING_MS);
    const [first, second] = workers;
    assert.ok(first.isTerminated);
    assert.deepEqual(second.asked, first.asked);
    first.say("too late");
    second.say("a");
    second.say("b");
    assert.deepEqual(await Promise.all(answers), ["a", "b"]);
  });

  test("stays while it reads, however long, and while it has nothing to do", async (t) => {
    const { digestInThread } = await openPage(t);
    const answer = digestInThread("MD5", file(), 0, 5);
    for (let n = 0; n < 9; n++) {
      t.mock.timers.tick(2 * LISTENING_MS);
      workers[0].say(0);
    }
    workers[0].say("a");
    assert.equal(await answer, "a");
    t.mock.timers.tick(9 * LISTENING_MS);
    assert.equal(workers.length, 1);
  });

  test("is given up where the second says nothing either: checksums are unknown from there on", async (t) => {
    const { digestInThread } = await openPage(t);
    const answer = digestInThread("MD5", file(), 0, 5);
    t.mock.timers.tick(6 * LISTENING_MS);
    assert.equal(await answer, null);
    assert.ok(workers.every((worker) => worker.isTerminated));
    assert.equal(await digestInThread("MD5", file(), 0, 5), null);
    assert.equal(workers.length, 2);
  });

  test("that cannot be loaded is not begun again", async (t) => {
    const { digestInThread } = await openPage(t);
    const answer = digestInThread("MD5", file(), 0, 5);
    workers[0].onerror();
    assert.equal(await answer, null);
    assert.equal(await digestInThread("MD5", file(), 0, 5), null);
    assert.equal(workers.length, 1);
  });

  test("that a page's policy forbids makes checksums unknown", async (t) => {
    const { digestInThread } = await openPage(t, class {
      constructor() {
        throw new DOMException("refused", "SecurityError");
      }
    });
    assert.equal(await digestInThread("MD5", file(), 0, 5), null);
  });
});
