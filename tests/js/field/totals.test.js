import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { standing, totalProgress, wouldLose } from "../../../js/src/field/totals.js";

const upload = (state, loaded = 0, total = 100, bytesPerSecond = null, eta = null) => ({
  state,
  progress: { loaded, total, bytesPerSecond, eta },
});

describe("several uploads together", () => {
  test("are as far as their bytes, and take as long as the rest takes at their speed", () => {
    const both = [upload("uploading", 50, 100, 10, 5), upload("uploading", 100, 300, 40, 5)];
    assert.deepEqual(totalProgress(both), { loaded: 150, total: 400, bytesPerSecond: 50, eta: 5 });
  });

  test("are no faster for the speed that a paused one had", () => {
    const { bytesPerSecond } = totalProgress([upload("uploading", 0, 100, 10), upload("paused", 0, 100, 90)]);
    assert.equal(bytesPerSecond, 10);
  });

  test("tell no time while nothing moves", () => {
    assert.equal(totalProgress([upload("paused"), upload("complete", 100)]).eta, null);
  });

  test("of one are that one", () => {
    const only = upload("uploading", 50, 100, 10, 7);
    assert.deepEqual(totalProgress([only]), only.progress);
  });
});

describe("a form with uploads", () => {
  for (const [states, expected] of [
    [[], "empty"],
    [["complete"], "stored"],
    [["complete", "complete"], "stored"],
    [["complete", "uploading"], "working"],
    [["paused", "uploading"], "working"],
    [["paused", "complete"], "paused"],
    [["failed", "uploading"], "stopped"],
    [["aborting"], "working"],
  ]) {
    test(`that are ${states.join(" and ") || "none"} is ${expected}`, () => {
      assert.equal(standing(states.map((state) => upload(state))), expected);
    });
  }

  for (const [state, loses] of [
    ["uploading", true],
    ["offline", true],
    ["failed", true],
    ["complete", true],
    ["paused", false],
    ["aborted", false],
  ]) {
    test(`${loses ? "loses" : "does not lose"} something when it is left with one that is ${state}`, () => {
      assert.equal(wouldLose([upload(state)]), loses);
    });
  }
});
