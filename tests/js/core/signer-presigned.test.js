import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { UploadError } from "../../../js/src/core/errors.js";
import { PresignedSigner, batchSize } from "../../../js/src/core/signer-presigned.js";
import { FakeClock, FakePortal, settle } from "../fakes.js";

function signer({ partCount = 200, answer = (usual) => usual() } = {}) {
  const clock = new FakeClock();
  const portal = new FakePortal({ clock });
  const asked = [];
  let next = 1;
  const presigned = new PresignedSigner({
    clock,
    upcoming: (count) => Array.from({ length: Math.min(count, partCount - next + 1) }, (_, i) => next + i),
    fetchBatch: async (partNumbers, signal) => {
      asked.push(partNumbers);
      await settle();
      signal.throwIfAborted();
      return answer(() => portal.signed(partNumbers));
    },
  });
  const stop = new AbortController();
  const take = () => presigned.sign(next++, stop.signal);
  return { clock, portal, presigned, asked, take, stop };
}

describe("a batch of URLs", () => {
  test("holds what is used up in about a minute, or in another time, within the protocol's limits", () => {
    assert.equal(batchSize(0, 1_000, 90_000), 16);
    assert.equal(batchSize(10, 600_000, 90_000), 16);
    assert.equal(batchSize(10, 10_000, 90_000), 60);
    assert.equal(batchSize(50, 1_000, 90_000), 1_000);
    assert.equal(batchSize(5, 0, 90_000), 1_000);
    assert.equal(batchSize(10, 10_000, 180_000), 120);
  });

  for (const megabytesPerSecond of [1, 10, 100]) {
    test(`is so large that 1 GiB costs two of them at most besides the first, at ${megabytesPerSecond} MB/s`, async () => {
      const partCount = 205;
      const { clock, asked, presigned, portal, take } = signer({ partCount });
      presigned.accept(portal.signed(Array.from({ length: 100 }, (_, index) => index + 1)));
      for (let part = 1; part <= partCount; part++) {
        await take();
        await clock.pass(Math.round(5_243 / megabytesPerSecond));
      }
      // With create, complete and saving these are five requests to the portal.
      assert.ok(asked.length <= 2, `${asked.length}`);
      assert.equal(asked.flat().length, new Set(asked.flat()).size);
    });
  }

  test("is fetched once for all that wait for it", async () => {
    const { asked, take } = signer();
    const signed = await Promise.all([take(), take(), take(), take()]);
    assert.deepEqual(signed.map((part) => part.part_number), [1, 2, 3, 4]);
    assert.equal(asked.flat().length, new Set(asked.flat()).size);
    assert.ok(asked.length <= 2);
  });

  test("that grew old unused is fetched again", async () => {
    const { clock, asked, presigned, portal, take } = signer({ partCount: 3 });
    presigned.accept(portal.signed([1, 2, 3]));
    await clock.pass(839_000);
    await take();
    assert.equal(asked.length, 0);
    await clock.pass(2_000);
    await take();
    assert.equal(asked.length, 1);
  });

  test("is used on a computer whose clock is wrong", async () => {
    const { clock, asked, presigned, portal, take } = signer({ partCount: 1 });
    const parts = portal.signed([1]);
    clock.epochMs += 86_400_000;
    presigned.accept(parts);
    assert.equal((await take()).url, parts[0].url);
    assert.equal(asked.length, 0);
  });

  test("that failed to come ahead is fetched when it is needed", async () => {
    let calls = 0;
    const { presigned, portal, take } = signer({
      answer: (usual) => {
        if (++calls === 1) throw new UploadError("no_connection", "");
        return usual();
      },
    });
    presigned.accept(portal.signed([1, 2]));
    await take();
    await take();
    await settle();
    assert.equal((await take()).part_number, 3);
  });

  test("without the part that was asked for is an error, not a loop", async () => {
    const { take } = signer({ answer: () => [] });
    await assert.rejects(take(), { code: "unreadable_answer" });
  });

  test("that a pause stopped does not disturb what comes after it", async () => {
    const { presigned, take, stop } = signer();
    const stopped = take();
    stop.abort();
    const after = presigned.sign(1, new AbortController().signal);
    await assert.rejects(stopped, { name: "AbortError" });
    assert.equal((await after).part_number, 1);
  });
});
