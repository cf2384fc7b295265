import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { Announcer } from "../../../js/src/field/announcer.js";
import { FakeClock } from "../fakes.js";

describe("what screen readers are told", () => {
  let clock, written, announcer;
  beforeEach(() => {
    clock = new FakeClock();
    written = [];
    announcer = new Announcer((text) => written.push(text), clock);
  });

  test("an answer is said at once, and not disturbed by progress for some seconds", async () => {
    announcer.tell("Not saving.");
    assert.equal(announcer.tellProgress("50 %"), false);
    await clock.pass(4_900);
    assert.equal(announcer.tellProgress("60 %"), false);
    assert.deepEqual(written, ["Not saving."]);

    await clock.pass(100);
    assert.equal(announcer.tellProgress("70 %"), true);
    assert.deepEqual(written, ["Not saving.", "70 %"]);
  });

  test("an answer does not wait for progress", () => {
    assert.equal(announcer.tellProgress("10 %"), true);
    announcer.tell("Paused.");
    assert.deepEqual(written, ["10 %", "Paused."]);
  });

  test("progress does not follow upon progress as fast as a file may go", async () => {
    announcer.tellProgress("10 %");
    assert.equal(announcer.tellProgress("20 %"), false);
    await clock.pass(5_000);
    assert.equal(announcer.tellProgress("30 %"), true);
  });

  test("two outcomes are both heard, the second after the first has stood for a moment", async () => {
    announcer.tell("a.csv: uploaded");
    announcer.tell("b.csv: uploaded");
    assert.deepEqual(written, ["a.csv: uploaded"]);
    await clock.pass(1_000);
    assert.deepEqual(written, ["a.csv: uploaded", "b.csv: uploaded"]);
    assert.equal(clock.waiting, 0);
  });

  test("all that come in between are said together, and nothing of progress before them", async () => {
    announcer.tell("a.csv: uploaded");
    for (const name of ["b", "c", "d"]) announcer.tell(`${name}.csv: uploaded`);
    await clock.pass(900);
    assert.equal(announcer.tellProgress("90 %"), false);
    await clock.pass(100);
    assert.deepEqual(written.slice(1), ["b.csv: uploaded\nc.csv: uploaded\nd.csv: uploaded"]);
    announcer.tell("e.csv: uploaded");
    assert.equal(written.length, 2);
    await clock.pass(1_000);
    assert.equal(written.at(-1), "e.csv: uploaded");
  });

  test("outcomes that are apart are said at once", async () => {
    announcer.tell("Paused.");
    await clock.pass(1_000);
    announcer.tell("Removed.");
    assert.deepEqual(written, ["Paused.", "Removed."]);
  });

  test("the same sentence again is heard again", async () => {
    for (let time = 0; time < 3; time++) {
      announcer.tell("Paused at 50 %.");
      await clock.pass(1_000);
    }
    assert.deepEqual(written.map((text) => text.trim()), Array(3).fill("Paused at 50 %."));
    assert.ok(written.every((text, index) => text !== written[index - 1]));
  });
});
