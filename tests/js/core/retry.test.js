import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { wait } from "../../../js/src/core/clock.js";
import { RETRY_POLICY, decide, parseRetryAfter } from "../../../js/src/core/retry.js";
import { FakeClock } from "../fakes.js";

const failure = (status, code = "", message = "", retryAfterMs = null) => ({ status, code, message, retryAfterMs });
const first = { tries: 1, signings: 0 };
const action = (failed, spent = first) => decide(failed, spent, RETRY_POLICY, () => 0.5).action;

describe("the decision about a failure", () => {
  for (const failed of [
    failure(0),
    failure(408),
    failure(429),
    failure(500, "InternalError"),
    failure(502),
    failure(503, "SlowDown"),
    failure(504),
    failure(400, "RequestTimeout"),
    failure(400, "IncompleteBody"),
    failure(400, "BadDigest"),
  ]) {
    test(`is to try again after ${failed.status} ${failed.code}`, () => assert.equal(action(failed), "retry"));
  }

  for (const failed of [
    failure(400, "InvalidArgument"),
    failure(403, "AccessDenied", "Access Denied"),
    failure(403, "SignatureDoesNotMatch"),
    failure(404, "NoSuchUpload"),
    failure(413, "EntityTooLarge"),
    failure(501, "NotImplemented"),
  ]) {
    test(`is to stop after ${failed.status} ${failed.code}`, () => assert.equal(action(failed), "stop"));
  }

  for (const failed of [
    failure(403, "AccessDenied", "Request has expired"),
    failure(403, "AccessDenied", "Request has expired."),
    failure(400, "ExpiredToken"),
    failure(403, "ExpiredToken"),
    failure(400, "TokenRefreshRequired"),
    failure(403, "RequestTimeTooSkewed"),
    failure(403, "AccessDenied", "Request is not yet valid"),
  ]) {
    test(`is to sign again after ${failed.status} ${failed.code} ${failed.message}`, () => {
      assert.equal(action(failed), "sign");
      assert.equal(action(failed, { tries: RETRY_POLICY.tries, signings: 0 }), "sign", "also when no try is left");
    });
  }

  test("counts further signings as tries, so that a wrong clock comes to an end", () => {
    const expired = failure(400, "ExpiredToken");
    assert.equal(action(expired, { tries: 1, signings: 3 }), "retry");
    assert.equal(action(expired, { tries: 10, signings: 3 }), "stop");
  });

  test("is to stop after ten tries", () => {
    assert.equal(action(failure(503), { tries: 9, signings: 0 }), "retry");
    assert.equal(action(failure(503), { tries: 10, signings: 0 }), "stop");
  });

  test("spreads the waits over everything from nothing to a cap that doubles up to 30 s", () => {
    const delay = (tries, random) => decide(failure(503), { tries, signings: 0 }, RETRY_POLICY, () => random).delayMs;
    assert.deepEqual([1, 2, 3, 7, 8, 9].map((tries) => delay(tries, 1)), [300, 600, 1_200, 19_200, 30_000, 30_000]);
    assert.deepEqual([1, 5, 9].map((tries) => delay(tries, 0)), [0, 0, 0]);
  });

  test("waits as long as it was asked to, and a jitter more", () => {
    const asked = (ms, random) => decide(failure(429, "", "", ms), first, RETRY_POLICY, () => random).delayMs;
    assert.equal(asked(7_000, 0), 7_000);
    assert.equal(asked(7_000, 1), 7_300);
    assert.equal(asked(86_400_000, 0), 300_000, "but not for a day");
  });
});

describe("Retry-After", () => {
  const now = Date.UTC(2026, 10, 21, 10);
  test("is seconds or a date", () => {
    assert.equal(parseRetryAfter("120", now), 120_000);
    assert.equal(parseRetryAfter("Sat, 21 Nov 2026 10:00:30 GMT", now), 30_000);
    assert.equal(parseRetryAfter("Sat, 21 Nov 2026 09:00:00 GMT", now), 0);
  });
  test("that says nothing is nothing", () => {
    for (const value of [null, undefined, "", "soon"]) assert.equal(parseRetryAfter(value, now), null);
  });
});

describe("waiting", () => {
  test("ends when its time is over", async () => {
    const clock = new FakeClock();
    let over = false;
    wait(1_000, clock, new AbortController().signal).then(() => (over = true));
    await clock.pass(999);
    assert.equal(over, false);
    await clock.pass(1);
    assert.equal(over, true);
  });

  test("ends at once when it is stopped, and leaves no timer", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const waiting = wait(1_000, clock, stop.signal);
    stop.abort();
    await assert.rejects(waiting, { name: "AbortError" });
    assert.equal(clock.waiting, 0);
    await assert.rejects(wait(1_000, clock, stop.signal), { name: "AbortError" });
  });
});
