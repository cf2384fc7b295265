import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { parsePartRanges, partLength, partRange, planParts } from "../../../js/src/core/part-plan.js";

const MIB = 1024 ** 2;
const TIB = 1024 ** 4;

describe("a part plan", () => {
  for (const [size, partSize, partCount] of [
    [0, 5 * MIB, 1],
    [1, 5 * MIB, 1],
    [5 * MIB, 5 * MIB, 1],
    [5 * MIB + 1, 5 * MIB, 2],
    [50_000 * MIB, 5 * MIB, 10_000],
    [5 * TIB, 525 * MIB, 9_987],
  ]) {
    test(`of ${size} bytes in parts of ${partSize} has ${partCount}, which hold the file without gap or overlap`, () => {
      const plan = planParts(size, partSize);
      assert.equal(plan.partCount, partCount);
      let end = 0;
      for (let partNumber = 1; partNumber <= partCount; partNumber++) {
        const range = partRange(plan, partNumber);
        assert.equal(range.start, end);
        assert.ok(range.end - range.start === partSize || partNumber === partCount);
        assert.equal(partLength(plan, partNumber), range.end - range.start);
        end = range.end;
      }
      assert.equal(end, size);
    });
  }

  test("has no parts outside it", () => {
    const plan = planParts(23, 5);
    for (const partNumber of [0, 6, 1.5, -1, NaN]) assert.throws(() => partRange(plan, partNumber), RangeError);
  });

  test("is not made of sizes that are no sizes", () => {
    for (const size of [-1, 1.5, NaN, Infinity, 2 ** 53]) assert.throws(() => planParts(size, 5), RangeError);
    for (const partSize of [0, -5, 1.5, NaN]) assert.throws(() => planParts(23, partSize), RangeError);
  });
});

describe("ranges of part numbers", () => {
  test("are read as the protocol writes them", () => {
    assert.deepEqual(parsePartRanges(""), []);
    assert.deepEqual(parsePartRanges("7"), [7]);
    assert.deepEqual(parsePartRanges("1-3,5"), [1, 2, 3, 5]);
    assert.equal(parsePartRanges("1-1099,1101").length, 1_100);
  });

  test("that are none are refused", () => {
    for (const text of ["a", "1-", "-3", "1,,2", "1;2"]) assert.throws(() => parsePartRanges(text), SyntaxError);
  });
});
