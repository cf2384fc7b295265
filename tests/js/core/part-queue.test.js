import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PartQueue } from "../../../js/src/core/part-queue.js";

describe("the queue of parts", () => {
  test("gives each part once, in order, and then none", () => {
    const queue = new PartQueue(3);
    assert.deepEqual([queue.take(), queue.take(), queue.take(), queue.take()], [1, 2, 3, null]);
  });

  test("gives parts that came back before new ones, the first first", () => {
    const queue = new PartQueue(9);
    for (let i = 0; i < 4; i++) queue.take();
    queue.putBack(3);
    queue.putBack(1);
    assert.deepEqual(queue.upcoming(4), [1, 3, 5, 6]);
    assert.deepEqual([queue.take(), queue.take(), queue.take()], [1, 3, 5]);
  });

  test("takes a part back once, however often it is given", () => {
    const queue = new PartQueue(2);
    queue.take();
    queue.putBack(1);
    queue.putBack(1);
    assert.deepEqual(queue.upcoming(9), [1, 2]);
  });

  test("forgets that a part was stored when it comes back", () => {
    const queue = new PartQueue(2);
    queue.take();
    queue.markStored(1);
    assert.equal(queue.storedCount, 1);
    queue.putBack(1);
    assert.equal(queue.storedCount, 0);
    assert.deepEqual(queue.upcoming(9), [1, 2]);
  });

  test("knows what is coming without giving it", () => {
    const queue = new PartQueue(3);
    assert.deepEqual(queue.upcoming(10), [1, 2, 3]);
    assert.deepEqual(queue.upcoming(2), [1, 2]);
    assert.equal(queue.take(), 1);
  });

  test("passes over what was stored before it began", () => {
    const queue = new PartQueue(9, [1, 2, 4, 5, 9]);
    assert.equal(queue.storedCount, 5);
    assert.deepEqual(queue.upcoming(3), [3, 6, 7]);
    assert.deepEqual([1, 2, 3, 4, 5].map(() => queue.take()), [3, 6, 7, 8, null]);
  });

  test("gives a part that was stored before and is missing now once", () => {
    const queue = new PartQueue(4, [1, 2, 3]);
    queue.putBack(2);
    queue.putBack(3);
    assert.deepEqual([queue.take(), queue.take(), queue.take(), queue.take()], [2, 3, 4, null].sort((a, b) => a === null ? 1 : a - b));
  });
});
