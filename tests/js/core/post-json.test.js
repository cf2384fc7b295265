import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { UploadError } from "../../../js/src/core/errors.js";
import { postJson } from "../../../js/src/core/post-json.js";

describe("a call to a portal", () => {
  const portal = (body, init) => {
    const calls = [];
    const fetch = async (url, request) => {
      calls.push({ url, request });
      if (body instanceof Error) throw body;
      return new Response(body, init);
    };
    return { calls, fetch };
  };

  test("is JSON by POST with the login of the page", async () => {
    const { calls, fetch } = portal("{}");
    await postJson("/api/create", { size: 5 }, { headers: { "X-CSRFToken": "t" }, fetch, keepalive: true });
    const [{ url, request }] = calls;
    assert.equal(url, "/api/create");
    assert.equal(request.body, '{"size":5}');
    assert.deepEqual(request.headers, { "Content-Type": "application/json", "X-CSRFToken": "t" });
    assert.deepEqual([request.method, request.credentials, request.keepalive], ["POST", "same-origin", true]);
  });

  test("gives whatever was answered, refusals too", async () => {
    const { fetch } = portal('{"code": "busy"}', { status: 503, statusText: "Busy", headers: { "Retry-After": "7" } });
    const answer = await postJson("/api/create", {}, { headers: {}, fetch });
    assert.deepEqual([answer.ok, answer.status, answer.statusText], [false, 503, "Busy"]);
    assert.deepEqual([answer.json, answer.retryAfterMs], [{ code: "busy" }, 7_000]);
  });

  test("gives a page as its text", async () => {
    const { fetch } = portal("<html>Log in</html>");
    const answer = await postJson("/api/create", {}, { headers: {}, fetch });
    assert.deepEqual([answer.ok, answer.json, answer.text], [true, null, "<html>Log in</html>"]);
  });

  test("without an answer names the call, and keeps the cause", async () => {
    const cause = new TypeError("Failed to fetch");
    const { fetch } = portal(cause);
    await assert.rejects(postJson("/api/sign-parts", {}, { headers: {}, fetch }), (error) => {
      assert.ok(error instanceof UploadError);
      assert.deepEqual([error.code, error.status, error.cause], ["no_connection", 0, cause]);
      assert.match(error.message, /^sign-parts: /);
      return true;
    });
  });

  test("that is never answered is given up after three minutes", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const fetch = (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const refused = assert.rejects(postJson("/api/create", {}, { headers: {}, fetch }), { code: "no_connection" });
    t.mock.timers.tick(180_000);
    await refused;
  });
});
