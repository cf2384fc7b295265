import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ProgressLedger } from "../../../js/src/core/progress.js";

describe("the progress", () => {
  test("counts what is stored and what is on its way", () => {
    const ledger = new ProgressLedger();
    ledger.sent(1, 5);
    ledger.sent(2, 3);
    assert.equal(ledger.loaded, 8);
    ledger.stored(1, 5);
    assert.equal(ledger.loaded, 8);
    ledger.sent(2, 4);
    assert.equal(ledger.loaded, 9);
  });

  test("waits where a failed part takes its bytes away, and continues when they are back", () => {
    const ledger = new ProgressLedger();
    ledger.stored(1, 5);
    ledger.sent(2, 4);
    assert.equal(ledger.loaded, 9);
    ledger.dropped(2);
    assert.equal(ledger.loaded, 9);
    ledger.sent(2, 2);
    assert.equal(ledger.loaded, 9);
    ledger.stored(2, 5);
    assert.equal(ledger.loaded, 10);
  });

  test("does not count a part twice that was lost and stored again", () => {
    const ledger = new ProgressLedger();
    ledger.stored(1, 5);
    ledger.stored(2, 5);
    assert.equal(ledger.loaded, 10);
    ledger.lost(5);
    ledger.stored(2, 5);
    assert.equal(ledger.loaded, 10);
  });

  test("is what is stored once the upload has come to a stop, and continues from there", () => {
    const ledger = new ProgressLedger();
    ledger.stored(1, 5);
    ledger.sent(2, 4);
    assert.equal(ledger.loaded, 9);
    ledger.settle();
    assert.equal(ledger.loaded, 5);
    ledger.sent(2, 1);
    assert.equal(ledger.loaded, 6);
  });
});
