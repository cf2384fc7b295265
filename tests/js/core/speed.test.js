import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SpeedEstimate } from "../../../js/src/core/speed.js";

const MB = 1_000_000;

/** Samples every 100 ms at one speed. */
function run(speed, { fromMs, toMs, loaded, bytesPerSecond }) {
  for (let ms = fromMs; ms <= toMs; ms += 100) speed.sample(ms, loaded + ((ms - fromMs) / 1000) * bytesPerSecond);
  return loaded + ((toMs - fromMs) / 1000) * bytesPerSecond;
}

const near = (actual, expected, share) =>
  assert.ok(Math.abs(actual - expected) <= expected * share, `${actual} is not near ${expected}`);

describe("the speed", () => {
  test("is not told before enough was measured", () => {
    const speed = new SpeedEstimate();
    assert.equal(speed.bytesPerSecond, null);
    assert.equal(speed.secondsLeft(MB), null);
    run(speed, { fromMs: 0, toMs: 1_000, loaded: 0, bytesPerSecond: MB });
    assert.equal(speed.bytesPerSecond, null);
  });

  test("of a steady line is that line's, and so is the time left", () => {
    const speed = new SpeedEstimate();
    run(speed, { fromMs: 0, toMs: 5_000, loaded: 0, bytesPerSecond: 20 * MB });
    near(speed.bytesPerSecond, 20 * MB, 0.001);
    near(speed.secondsLeft(400 * MB), 20, 0.001);
  });

  test("is moved little by a hiccup of half a second", () => {
    const speed = new SpeedEstimate();
    const loaded = run(speed, { fromMs: 0, toMs: 30_000, loaded: 0, bytesPerSecond: 20 * MB });
    run(speed, { fromMs: 30_000, toMs: 30_500, loaded, bytesPerSecond: 0 });
    near(speed.bytesPerSecond, 20 * MB, 0.1);
  });

  test("of a line that became slow is believed within half a minute", () => {
    const speed = new SpeedEstimate();
    const loaded = run(speed, { fromMs: 0, toMs: 30_000, loaded: 0, bytesPerSecond: 100 * MB });
    run(speed, { fromMs: 30_000, toMs: 60_000, loaded, bytesPerSecond: 10 * MB });
    near(speed.bytesPerSecond, 10 * MB, 0.3);
  });

  test("is measured again after a rest", () => {
    const speed = new SpeedEstimate();
    const loaded = run(speed, { fromMs: 0, toMs: 10_000, loaded: 0, bytesPerSecond: 20 * MB });
    speed.rest();
    assert.equal(speed.bytesPerSecond, null);
    run(speed, { fromMs: 3_600_000, toMs: 3_602_000, loaded, bytesPerSecond: 2 * MB });
    near(speed.bytesPerSecond, 2 * MB, 0.01);
  });

  test("of a line that stands is none, and it has no time left to tell", () => {
    for (const toMs of [2_000, 5_000, 64_000]) {
      const speed = new SpeedEstimate();
      run(speed, { fromMs: 0, toMs, loaded: 0, bytesPerSecond: 0 });
      assert.deepEqual([speed.bytesPerSecond, speed.secondsLeft(MB)], [null, null]);
    }
  });

  test("is forgotten after three seconds without a byte: the time left does not run away", () => {
    const speed = new SpeedEstimate();
    const loaded = run(speed, { fromMs: 0, toMs: 30_000, loaded: 0, bytesPerSecond: 20 * MB });
    for (const toMs of [33_100, 90_000]) {
      run(speed, { fromMs: 30_000, toMs, loaded, bytesPerSecond: 0 });
      assert.deepEqual([speed.bytesPerSecond, speed.secondsLeft(MB)], [null, null]);
    }
    run(speed, { fromMs: 90_000, toMs: 93_000, loaded, bytesPerSecond: 3 * MB });
    near(speed.bytesPerSecond, 3 * MB, 0.05);
  });
});
