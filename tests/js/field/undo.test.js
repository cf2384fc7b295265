import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Undo } from "../../../js/src/field/undo.js";
import { FakeClock } from "../fakes.js";

describe("giving up", () => {
  const given = () => {
    const clock = new FakeClock();
    const done = [];
    return { clock, done, undo: new Undo(() => done.push("gone"), clock) };
  };

  test("is done after twenty seconds", async () => {
    const { clock, done } = given();
    await clock.pass(19_999);
    assert.deepEqual(done, []);
    await clock.pass(1);
    assert.deepEqual(done, ["gone"]);
  });

  test("is not done when it was undone", async () => {
    const { clock, done, undo } = given();
    undo.undo();
    await clock.pass(60_000);
    undo.commit();
    assert.deepEqual(done, []);
  });

  test("is done at once where it is settled, and once", async () => {
    const { clock, done, undo } = given();
    undo.commit();
    await clock.pass(60_000);
    assert.deepEqual(done, ["gone"]);
  });
});
