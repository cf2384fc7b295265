import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { measureRoundTrip } from "../../../js/src/core/distance.js";
import { browserNetwork } from "../../../js/src/core/network.js";

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
    assert.equal(await browserNetwork.reaches("https://store.example/bucket/key"), true);
    assert.equal(await browserNetwork.reaches("https://nowhere.example/"), false);
    const [{ url, mode, credentials, signal }] = asked;
    assert.deepEqual([url, mode, credentials], ["https://store.example/bucket/key", "no-cors", "omit"]);
    assert.ok(signal instanceof AbortSignal, "it does not wait for ever");
  });
});

describe("the way to the store", () => {
  test("is measured on a connection that is open, by what is signed for that", async () => {
    const ms = await measureRoundTrip("https://far.example/bucket/?list-type=2&X-Amz-Signature=1");
    assert.ok(ms >= 0 && ms < 1_000);
    assert.equal(asked.length, 3);
    assert.deepEqual(new Set(asked.map(({ method, mode, credentials }) => `${method} ${mode} ${credentials}`)), new Set(["undefined no-cors omit"]));
  });

  test("is not known of what does not answer", async () => {
    assert.equal(await measureRoundTrip("https://nowhere.example"), null);
  });
});
