import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { indicoAdapter } from "../../../js/src/indico/adapter.js";

const DIALOG = "https://indico.example/event/1/manage/attachments/direct-upload";

function adapterWith(answer) {
  const requests = [];
  const adapter = indicoAdapter({
    api: DIALOG,
    csrfToken: () => "token-1",
    fetch: async (url, init) => {
      requests.push({ url, ...init, body: JSON.parse(init.body) });
      return answer();
    },
  });
  return { adapter, requests };
}

const json = (status, body, headers = {}) => new Response(JSON.stringify(body), { status, headers });
const failing = (answer) => adapterWith(answer).adapter.show("u-1").then(assert.fail, (error) => error);

describe("a call to Indico", () => {
  test("is a POST with the page's cookie and its CSRF token, and says that it is no page", async () => {
    const { adapter, requests } = adapterWith(() => json(200, { id: "u-1" }));
    assert.deepEqual(await adapter.show("u-1"), { id: "u-1" });
    const [request] = requests;
    assert.equal(request.url, `${DIALOG}/show`);
    assert.equal(request.method, "POST");
    assert.equal(request.credentials, "same-origin");
    assert.equal(request.headers["X-CSRF-Token"], "token-1");
    assert.equal(request.headers["X-Requested-With"], "XMLHttpRequest");
  });

  test("has the shape of the protocol", async () => {
    const { adapter, requests } = adapterWith(() => json(200, []));
    const checksum = { algorithm: "CRC64NVME", value: "AAAAAAAAAAA=" };
    await adapter.create({ filename: "a", size: 1 });
    await adapter.signParts("u-1", [3, 4]);
    await adapter.list();
    await adapter.complete("u-1", null);
    await adapter.complete("u-1", checksum);
    await adapter.abort("u-1");
    assert.deepEqual(requests.map((request) => [request.url.slice(DIALOG.length), request.body]), [
      ["/create", { filename: "a", size: 1 }],
      ["/sign-parts", { id: "u-1", part_numbers: [3, 4] }],
      ["/list", {}],
      ["/complete", { id: "u-1" }],
      ["/complete", { id: "u-1", checksum }],
      ["/abort", { id: "u-1" }],
    ]);
  });
});

describe("a refusal of Indico", () => {
  test("of the protocol has its code, its sentence and its facts", async () => {
    const error = await failing(() => json(413, { code: "file_too_large", message: "Too large.", limit: 5 }));
    assert.equal(error.code, "file_too_large");
    assert.equal(error.sentence, "Too large.");
    assert.equal(error.status, 413);
    assert.deepEqual(error.facts, { limit: 5 });
  });

  test("of its own, as for a locked event, has its sentence", async () => {
    const error = await failing(() => json(403, { error: { title: "Forbidden", message: "It is locked." } }));
    assert.equal(error.code, "http_403");
    assert.equal(error.sentence, "It is locked.");
  });

  test("that is a page is for the details only", async () => {
    const error = await failing(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
    assert.equal(error.code, "http_502");
    assert.equal(error.sentence, "");
    assert.match(error.message, /Bad gateway/);
  });

  test("that never arrives is a lost connection", async () => {
    const error = await failing(() => Promise.reject(new TypeError("network")));
    assert.equal(error.code, "no_connection");
    assert.equal(error.status, 0);
  });
});
