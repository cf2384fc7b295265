import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ckanAdapter } from "../../../js/src/ckan/adapter.js";

function adapterWith(answer, site = {}) {
  const requests = [];
  const adapter = ckanAdapter({
    api: "https://portal.example/api/3/action/",
    owner: "rivers",
    csrfToken: () => "token-1",
    fetch: async (url, init) => {
      requests.push({ url, ...init, body: JSON.parse(init.body) });
      return answer();
    },
    ...site,
  });
  return { adapter, requests };
}

const json = (status, body, headers = {}) => new Response(JSON.stringify(body), { status, headers });
const success = (result) => () => json(200, { success: true, result });
const failing = (answer) => adapterWith(answer).adapter.show("u-1").then(assert.fail, (error) => error);

describe("a call to CKAN", () => {
  test("is a POST with the page's cookie and its CSRF token", async () => {
    const { adapter, requests } = adapterWith(success({ id: "u-1" }));
    assert.deepEqual(await adapter.show("u-1"), { id: "u-1" });
    const [request] = requests;
    assert.equal(request.url, "https://portal.example/api/3/action/s3multipart_upload_show");
    assert.equal(request.method, "POST");
    assert.equal(request.credentials, "same-origin");
    assert.equal(request.headers["X-CSRFToken"], "token-1");
    assert.deepEqual(request.body, { id: "u-1" });
  });

  test("has the shape of the protocol", async () => {
    const { adapter, requests } = adapterWith(success([]));
    await adapter.signParts("u-1", [3, 4]);
    await adapter.complete("u-1");
    await adapter.abort("u-1");
    assert.deepEqual(requests.map((r) => [r.url.split("_").slice(1).join("_"), r.body]), [
      ["upload_sign_parts", { id: "u-1", part_numbers: [3, 4] }],
      ["upload_complete", { id: "u-1" }],
      ["upload_abort", { id: "u-1" }],
    ]);
  });

  test("that gives an upload up gets through although the page is being left", async () => {
    const { adapter, requests } = adapterWith(success({}));
    await adapter.abort("u-1");
    await adapter.show("u-1");
    assert.deepEqual(requests.map((r) => r.keepalive ?? false), [true, false]);
  });

  test("is made once more with a new CSRF token, where the publisher has logged in again", async () => {
    let token = "old";
    const answer = () =>
      token === "new" ? json(200, { success: true, result: "done" }) : json(403, { error: { code: "csrf_token_missing" } });
    const renewCsrfToken = async () => Boolean((token = "new"));
    const { adapter, requests } = adapterWith(answer, { csrfToken: () => token, renewCsrfToken });
    assert.equal(await adapter.show("u-1"), "done");
    assert.deepEqual(requests.map((r) => r.headers["X-CSRFToken"]), ["old", "new"]);
  });

  test("is refused for its CSRF token where there is no other, or where the page cannot be had", async () => {
    for (const renewCsrfToken of [async () => false, async () => Promise.reject(new TypeError("network"))]) {
      const refused = () => json(403, { error: { code: "csrf_token_missing" } });
      const { adapter, requests } = adapterWith(refused, { renewCsrfToken });
      await assert.rejects(adapter.show("u-1"), { code: "csrf_token_missing" });
      assert.equal(requests.length, 1);
    }
  });

  test("names the resource where one is replaced, and only there", async () => {
    const request = { filename: "a", size: 1, content_type: "", fingerprint: "f", idempotency_key: "k" };
    const created = adapterWith(success({}));
    await created.adapter.create(request);
    assert.deepEqual(created.requests[0].body, { owner: "rivers", ...request });
    const replacing = adapterWith(success({}), { resource: "r-1" });
    await replacing.adapter.create(request);
    assert.equal(replacing.requests[0].body.resource, "r-1");
  });
});

describe("an error of CKAN", () => {
  test("keeps its code, its sentence and its facts", async () => {
    const error = await failing(() =>
      json(413, { success: false, error: { __type: "File Too Large", code: "file_too_large", message: "At most 5 GB.", limit: 5e9 } }),
    );
    assert.equal(error.code, "file_too_large");
    assert.equal(error.status, 413);
    assert.equal(error.sentence, "At most 5 GB.");
    assert.deepEqual(error.facts, { limit: 5e9 });
  });

  test("of CKAN's own validation becomes sentences", async () => {
    const error = await failing(() =>
      json(409, { success: false, error: { __type: "Validation Error", size: ["Missing value"], filename: ["Too long"] } }),
    );
    assert.equal(error.sentence, "Missing value Too long");
    assert.equal(error.code, "http_409");
  });

  for (const [what, answer, code, status] of [
    ["a proxy's error page", () => new Response("<h1>Bad Gateway</h1>", { status: 502 }), "http_502", 502],
    ["a login page", () => new Response("<form>", { status: 200 }), "unreadable_answer", 200],
    ["an empty answer", () => new Response("", { status: 200 }), "unreadable_answer", 200],
    ["the word of CKAN's JSON", () => json(400, "Bad request - JSON Error"), "http_400", 400],
  ]) {
    test(`that is ${what} has no sentence of its own`, async () => {
      const error = await failing(answer);
      assert.equal(error.code, code);
      assert.equal(error.status, status);
      assert.equal(error.sentence, "");
    });
  }

  test("says when to come back", async () => {
    const error = await failing(() => new Response("", { status: 503, headers: { "Retry-After": "7" } }));
    assert.equal(error.retryAfterMs, 7_000);
  });

  test("without an answer is a lost connection", async () => {
    const error = await failing(() => Promise.reject(new TypeError("Failed to fetch")));
    assert.equal(error.code, "no_connection");
    assert.equal(error.status, 0);
  });
});
