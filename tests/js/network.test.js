import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { browserNetwork } from "../../js/src/network.js";

const realFetch = globalThis.fetch;
let asked;

beforeEach(() => {
  asked = [];
  globalThis.fetch = async (url, init) => {
    asked.push({ url: String(url), ...init });
    if (String(url).includes("nowhere")) throw new TypeError("Failed to fetch");
  };
});
afterEach(() => {
  globalThis.fetch = realFetch;
});

describe("the browser's network", () => {
  test("reaches what answers, whatever it says, without cookies and without an answer that CORS would hide", async () => {
    assert.equal(await browserNetwork.reaches("https://store.example/bucket/key?part=1"), true);
    assert.equal(await browserNetwork.reaches("https://nowhere.example/"), false);
    const [{ url, mode, credentials, signal }] = asked;
    assert.deepEqual([url, mode, credentials], ["https://store.example/", "no-cors", "omit"]);
    assert.ok(signal instanceof AbortSignal, "it does not wait for ever");
  });

  test("measures the way to the store once a page, on a connection that is open", async () => {
    const [first, second] = await Promise.all(["", ""].map(() => browserNetwork.roundTripMs("https://far.example")));
    assert.equal(first, second);
    assert.ok(first >= 0 && first < 1_000);
    assert.equal(asked.length, 3);
  });

  test("knows no way to what does not answer", async () => {
    assert.equal(await browserNetwork.roundTripMs("https://nowhere.example"), null);
  });
});
