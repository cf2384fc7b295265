import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { TakeoverWatch } from "../../../js/src/form/takeover-watch.js";
import { FakeClock } from "../fakes.js";

/** A page that is looked at, or is not. */
class FakePage extends EventTarget {
  hidden = false;

  show(isShown) {
    this.hidden = !isShown;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

describe("while the portal takes files over", () => {
  const watching = (answer = () => true) => {
    const clock = new FakeClock();
    const page = new FakePage();
    const askedAtMs = [];
    const watch = new TakeoverWatch(
      async () => {
        askedAtMs.push(clock.now());
        return answer(askedAtMs.length);
      },
      clock,
      page,
    );
    return { clock, page, askedAtMs, watch };
  };

  test("it is asked soon at first, and then less often", async () => {
    const { clock, askedAtMs, watch } = watching();
    watch.begin();
    watch.begin();
    await clock.pass(120_000);
    const pausesMs = askedAtMs.map((ms, i) => ms - (askedAtMs[i - 1] ?? 0));
    assert.deepEqual(pausesMs, [4_000, 6_000, 9_000, 13_500, 20_250, 30_000, 30_000]);
  });

  test("nothing is asked before, and nothing when all is taken over", async () => {
    const { clock, askedAtMs, watch } = watching((count) => count < 2);
    await clock.pass(60_000);
    assert.equal(askedAtMs.length, 0);
    watch.begin();
    await clock.pass(600_000);
    assert.equal(askedAtMs.length, 2);
    assert.equal(clock.waiting, 0);
    watch.begin();
    await clock.pass(4_000);
    assert.equal(askedAtMs.length, 3, "another file is asked about as the first was");
  });

  test("nothing is asked while the page is hidden, and something at once when it is shown again", async () => {
    const { clock, page, askedAtMs, watch } = watching();
    watch.begin();
    page.show(false);
    await clock.pass(3_600_000);
    assert.equal(askedAtMs.length, 0);
    page.show(true);
    await clock.pass(0);
    assert.deepEqual(askedAtMs, [3_600_000]);
    await clock.pass(6_000);
    assert.equal(askedAtMs.length, 2);
  });

  test("a page that was hidden while it was asked asks when it is seen again", async () => {
    const { clock, page, askedAtMs, watch } = watching(() => {
      page.show(false);
      return true;
    });
    watch.begin();
    await clock.pass(600_000);
    assert.equal(askedAtMs.length, 1);
    page.show(true);
    await clock.pass(0);
    assert.equal(askedAtMs.length, 2);
  });

  test("a portal that does not answer is asked again", async (t) => {
    t.mock.method(console, "warn", () => {});
    const { clock, askedAtMs, watch } = watching((count) => {
      if (count === 1) throw new Error("no answer");
      return false;
    });
    watch.begin();
    await clock.pass(10_000);
    assert.equal(askedAtMs.length, 2);
    assert.equal(console.warn.mock.callCount(), 1);
  });
});
