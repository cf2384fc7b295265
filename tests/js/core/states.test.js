import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { TRANSITIONS, isPhase, isUnfinished, mayChange, requireTransition } from "../../../js/src/core/states.js";

const STATES = Object.keys(TRANSITIONS);

/** The table once more, as a sentence for each state, so that a change of it is a decision. */
const ALLOWED = {
  idle: "preparing aborted",
  preparing: "uploading paused offline failed aborting",
  uploading: "completing paused offline failed aborting",
  paused: "preparing uploading completing aborting",
  offline: "preparing uploading completing paused failed aborting",
  completing: "complete uploading offline failed aborting",
  complete: "aborting",
  failed: "preparing uploading completing aborting",
  aborting: "aborted",
  aborted: "",
};

describe("states", () => {
  test("are the ten of the protocol", () => {
    assert.deepEqual(STATES.sort(), Object.keys(ALLOWED).sort());
  });

  for (const from of STATES) {
    for (const to of STATES) {
      const allowed = ALLOWED[from].split(" ").includes(to);
      test(`${from} ${allowed ? "may" : "may not"} become ${to}`, () => {
        assert.equal(mayChange(from, to), allowed);
        if (allowed) requireTransition(from, to);
        else assert.throws(() => requireTransition(from, to), RangeError);
      });
    }
  }

  test("can all be left but aborted, and all be reached but idle", () => {
    for (const state of STATES) {
      assert.equal(TRANSITIONS[state].length === 0, state === "aborted");
      assert.equal(STATES.some((from) => mayChange(from, state)), state !== "idle");
    }
  });

  test("in which leaving the page loses something are those with work begun and not done", () => {
    assert.deepEqual(STATES.filter(isUnfinished).sort(), [
      "completing", "failed", "offline", "paused", "preparing", "uploading",
    ]);
  });

  test("in which the upload makes progress on its own are three", () => {
    assert.deepEqual(STATES.filter(isPhase).sort(), ["completing", "preparing", "uploading"]);
  });
});
