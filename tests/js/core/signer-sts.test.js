import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { UploadError } from "../../../js/src/core/errors.js";
import { StsSigner, stsSigner } from "../../../js/src/core/signer-sts.js";
import { MultipartUpload } from "../../../js/src/core/upload.js";
import { FakeClock, noConnection, s3Error, setUp, settle, until } from "../fakes.js";

const HOUR_MS = 3_600_000;
const never = new AbortController().signal;
const keyOf = (signed) => new URL(signed.url).searchParams.get("X-Amz-Credential").split("/")[0];
const dateOf = (signed) => new URL(signed.url).searchParams.get("X-Amz-Date");

/** A portal whose n-th credentials are called KEYn and live for an hour by its own clock. */
function signer({ clock = new FakeClock(), portalAheadMs = 0, fetch = (usual) => usual() } = {}) {
  const told = [];
  const portal = { calls: 0 };
  const sts = new StsSigner({
    upload: { size: 12, part_size: 5 },
    clock,
    fetchCredentials: async () => {
      portal.calls += 1;
      const portalNowMs = clock.today() + portalAheadMs;
      const usual = () => ({
        ...{ access_key_id: `KEY${portal.calls}`, secret_access_key: "secret", session_token: "token" },
        ...{ region: "us-east-1", url: "https://store.example/bucket/key", s3_upload_id: "s3-1" },
        now: new Date(portalNowMs).toISOString(),
        expiration: new Date(portalNowMs + HOUR_MS).toISOString(),
      });
      await settle();
      return fetch(usual, portal.calls);
    },
    tell: (type, detail) => told.push([type, detail]),
  });
  const expired = (signed, code = "ExpiredToken", serverTimeMs = undefined) => sts.drop(signed, { status: 400, code, message: "", retryAfterMs: null, serverTimeMs });
  return { clock, sts, portal, told, expired, sign: (n = 1) => sts.sign(n, never) };
}

describe("session credentials", () => {
  test("are fetched once for all parts that wait for them", async () => {
    const { sign, portal, told } = signer();
    const signed = await Promise.all([sign(1), sign(2), sign(3)]);
    assert.deepEqual(signed.map((part) => part.part_number), [1, 2, 3]);
    assert.equal(portal.calls, 1);
    assert.deepEqual(told.map(([type]) => type), ["credentialsrefresh"]);
  });

  test("sign a part's number, and nothing that a CORS preflight does not have", async () => {
    const { sign } = signer();
    const { searchParams } = new URL((await sign(3)).url);
    assert.equal(searchParams.get("partNumber"), "3");
    assert.equal(searchParams.get("uploadId"), "s3-1");
    assert.equal(searchParams.get("X-Amz-SignedHeaders"), "host");
    assert.equal(searchParams.get("X-Amz-Security-Token"), "token");
  });

  test("are fetched again five minutes before they expire, and the old ones are used until then", async () => {
    const { sign, portal, clock } = signer();
    await sign();
    await clock.pass(HOUR_MS - 5 * 60_000 - 1);
    assert.equal(keyOf(await sign()), "KEY1");
    assert.equal(portal.calls, 1);
    await clock.pass(1);
    const meanwhile = await Promise.all([sign(1), sign(2)]);
    assert.deepEqual(meanwhile.map(keyOf), ["KEY1", "KEY1"]);
    await settle();
    assert.equal(portal.calls, 2, "one refresh at a time");
    assert.equal(keyOf(await sign()), "KEY2");
  });

  test("serve on while the portal cannot renew them, and are asked for again", async () => {
    const { sign, portal, clock } = signer({
      fetch: (usual, n) => {
        if (n === 2) throw noConnection();
        return usual();
      },
    });
    await sign();
    await clock.pass(HOUR_MS - 4 * 60_000);
    assert.equal(keyOf(await sign()), "KEY1");
    await settle();
    assert.equal(keyOf(await sign()), "KEY1");
    await settle();
    assert.equal(keyOf(await sign()), "KEY3");
    assert.equal(portal.calls, 3);
  });

  test("that are over are not used while the new ones are on their way", async () => {
    const { sign, clock } = signer();
    await sign();
    await clock.pass(HOUR_MS);
    assert.equal(keyOf(await sign()), "KEY2");
  });

  test("that the store calls expired are replaced once, however many parts hear of it", async () => {
    const { sign, portal, expired } = signer();
    const signed = await Promise.all([sign(1), sign(2)]);
    expired(signed[0]);
    assert.equal(keyOf(await sign(1)), "KEY2");
    expired(signed[1]);
    assert.equal(keyOf(await sign(2)), "KEY2");
    assert.equal(portal.calls, 2);
  });

  test("that the portal refuses are an error for the caller", async () => {
    const { sign } = signer({
      fetch: () => {
        throw new UploadError("credentials_not_configured", "", { status: 501 });
      },
    });
    await assert.rejects(sign(), { code: "credentials_not_configured" });
  });

  test("are fetched again by the next one where a pause stopped the first", async () => {
    const stop = new AbortController();
    const { sts, sign } = signer({
      fetch: (usual, n) => {
        if (n === 1) stop.signal.throwIfAborted();
        return usual();
      },
    });
    const stopped = sts.sign(1, stop.signal);
    const after = sign(1);
    stop.abort();
    await assert.rejects(stopped, { name: "AbortError" });
    assert.equal(keyOf(await after), "KEY2");
  });
});

describe("a computer whose clock is wrong", () => {
  test("signs by the portal's clock", async () => {
    const { sign } = signer({ portalAheadMs: 86_400_000 });
    assert.equal(dateOf(await sign()), "20261122T100000Z");
  });

  test("and a portal that calls its credentials over already: uses them until the store says so", async () => {
    const { sign, portal, clock } = signer({ fetch: (usual) => ({ ...usual(), now: new Date(clock.today() + 2 * HOUR_MS).toISOString() }) });
    await sign();
    await sign();
    assert.equal(portal.calls, 1);
  });

  test("and a portal's that is wrong, too: signs by the store's once that has said it", async () => {
    const { sign, expired, clock, portal } = signer({ portalAheadMs: 20 * 60_000 });
    const signed = await sign();
    expired(signed, "RequestTimeTooSkewed", clock.today() - 60_000);
    assert.equal(dateOf(await sign()), "20261121T095900Z");
    assert.equal(portal.calls, 1, "nothing was wrong with the credentials");
  });
});

describe("an upload that signs itself", () => {
  function begin({ answer = () => ({ status: 200 }), size = 23 } = {}) {
    const parts = setUp({ size, answer, options: { signer: stsSigner } });
    const upload = new MultipartUpload(parts.file, parts.portal, parts.core);
    const retries = [];
    const refreshes = [];
    upload.addEventListener("partretry", ({ detail }) => retries.push(detail));
    upload.addEventListener("credentialsrefresh", ({ detail }) => refreshes.push(detail));
    return { ...parts, upload, retries, refreshes };
  }

  test("asks the portal for credentials and for no URL", async () => {
    const { upload, portal, store, refreshes } = begin();
    upload.start();
    await until(() => upload.state === "complete");
    assert.deepEqual(portal.calls.map((call) => call.name), ["create", "credentials", "complete"]);
    assert.equal(refreshes.length, 1);
    for (const put of store.puts) assert.match(put.url, /^https:\/\/store\.example\/bucket\/key\?uploadId=s3-1&partNumber=\d&X-Amz-/);
  });

  test("replaces expired credentials, and corrects its clock, without spending a try", async () => {
    const wrongClock = { ...s3Error(403, "RequestTimeTooSkewed") };
    wrongClock.body = wrongClock.body.replace("</Error>", "<ServerTime>2026-11-21T11:30:00Z</ServerTime></Error>");
    const answers = [s3Error(400, "ExpiredToken"), wrongClock];
    const { upload, clock, portal, store, retries } = begin({ size: 5, answer: (put, n) => answers[n - 1] ?? { status: 200 } });
    upload.start();
    for (let signings = 1; signings <= 3; signings++) {
      await until(() => store.puts.length === signings);
      await clock.pass(0);
    }
    await until(() => upload.state === "complete");
    assert.deepEqual(retries.map((retry) => [retry.tries, retry.signedAgain]), [[0, true], [0, true]]);
    assert.equal(portal.named("credentials").length, 2);
    assert.match(store.puts[2].url, /X-Amz-Date=20261121T113000Z/);
  });
});
