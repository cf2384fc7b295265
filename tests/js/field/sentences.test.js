import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, test } from "node:test";

import { UploadError } from "../../../js/src/core/errors.js";
import { numberWords } from "../../../js/src/field/number-words.js";
import {
  announcedStep,
  beforeLine,
  differenceSentence,
  errorDetails,
  errorSentence,
  fill,
  statusLine,
  unfinishedLine,
} from "../../../js/src/field/sentences.js";

const SRC = new URL("../../../js/src/", import.meta.url);
const template = (path) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf-8");
const TEMPLATE = template("templates/s3portal/uploader.html");
const CKAN_TEMPLATE = template("ckanext/s3multipart/uploads/templates/s3multipart/uploader.html");

/** The texts of the template, and those that CKAN adds, in their original language. */
const texts = Object.fromEntries([...(TEMPLATE + CKAN_TEMPLATE).matchAll(/^ {2}"(\w+)": _\("(.*)"\),?$/gm)].map(([, key, text]) => [key, text]));
const words = numberWords("en");
const plain = (text) => text.replace(/\s/gu, " ");

const shown = (state, progress = {}) => ({ state, progress: { loaded: 61, total: 100, bytesPerSecond: null, eta: null, ...progress } });

describe("the line under the bar", () => {
  test("says how far, how fast and how long", () => {
    const line = statusLine(shown("uploading", { bytesPerSecond: 94e6, eta: 225 }), texts, words);
    assert.equal(plain(line), "61% · 94 MB/s · about 4 min left");
  });

  test("says that all is sent, where nothing but answers is waited for", () => {
    assert.equal(statusLine(shown("uploading", { loaded: 100, bytesPerSecond: 94e6, eta: 0 }), texts, words), texts["completing"]);
  });

  test("says no more than is known", () => {
    assert.equal(statusLine(shown("uploading"), texts, words), "61%");
    assert.equal(statusLine(shown("uploading", { loaded: 0, total: 0 }), texts, words), "0%");
  });

  for (const state of ["preparing", "paused", "offline", "failed", "completing", "complete", "aborting"]) {
    test(`has a text of its own when the upload is ${state}`, () => {
      const line = statusLine(shown(state), texts, words);
      assert.ok(line.length > 5);
      assert.doesNotMatch(line, /[{}]/);
    });
  }
});

describe("the sentence about a failure", () => {
  const of = (code, facts) => errorSentence(new UploadError(code, "technical", facts), texts);

  test("is the portal's own, where it has one", () => {
    assert.equal(of("file_too_large", { status: 413, sentence: "At most 5 GB." }), "At most 5 GB.");
  });

  test("tells who was logged out that the form need not be left", () => {
    assert.match(of("not_signed_in", { status: 401, sentence: "Log in." }), /in another tab/);
  });

  for (const [store_code, status] of [
    // An Object Lock bucket that wants Content-MD5, and stores that lack something.
    ["InvalidRequest", 400],
    ["InvalidArgument", 400],
    ["NotImplemented", 501],
    ["MethodNotAllowed", 405],
    ["InvalidEncryptionAlgorithmError", 400],
    ["XMinioAdminBucketQuotaExceeded", 400],
    ["AccessDenied", 403], ["InvalidAccessKeyId", 403], ["SignatureDoesNotMatch", 403], ["AuthorizationHeaderMalformed", 400],
    ["AuthorizationQueryParametersError", 400], ["PermanentRedirect", 301], ["IllegalLocationConstraintException", 400],
    ["InvalidToken", 400], ["NoSuchBucket", 404], ["InvalidRegionName", 400],
  ]) {
    test(`of the store that ${store_code} is a matter of the portal's settings`, () => {
      assert.equal(of("store_refused", { status, facts: { part: 1, store_code } }), texts.error_store_settings);
    });
  }

  for (const [store_code, status] of [["EntityTooLarge", 400], ["InvalidDigest", 400], ["", 403]]) {
    test(`of the store that "${store_code}" with ${status} is not`, () => {
      assert.equal(of("store_refused", { status, facts: { part: 1, store_code } }), texts.error_store_refused);
    });
  }

  test("of one part names it", () => {
    assert.match(of("part_unanswered", { facts: { part: 7 } }), /^Part 7 of the file does not reach the file storage/);
  });

  for (const code of ["no_connection", "no_answer_from_store", "store_refused", "store_failed", "upload_gone", "file_unreadable"]) {
    test(`exists for ${code}`, () => assert.equal(of(code, {}), texts[`error_${code}`]));
  }

  for (const [status, key] of [
    [401, "error_not_allowed"],
    [403, "error_not_allowed"],
    [404, "error_upload_gone"],
    [500, "error_portal_failed"],
    [503, "error_portal_failed"],
    [418, "error_unexpected"],
  ]) {
    test(`for a bare ${status} is ${key}`, () => assert.equal(of(`http_${status}`, { status }), texts[key]));
  }

  test("leaves the technical words to the details", () => {
    const error = new UploadError("store_refused", "part 7: 403 AccessDenied", { status: 403, facts: { limit: 5 } });
    assert.doesNotMatch(errorSentence(error, texts), /403|AccessDenied/);
    assert.equal(errorDetails(error), "store_refused: part 7: 403 AccessDenied\nlimit: 5");
  });
});

describe("an unfinished upload", () => {
  const now = new Date(2026, 10, 21, 9, 0);
  const upload = { size: 58_100_000_000, stored_bytes: 35_500_000_000, created_at: new Date(2026, 10, 17, 14, 2).toISOString() };

  test("is told with how much is there and since when", () => {
    const line = plain(unfinishedLine({ ...upload, state: "uploading" }, texts, words, now));
    assert.equal(line, "61% of 58.1 GB, Tuesday 2:02 PM");
  });

  test("that is complete only waits to be saved", () => {
    const line = plain(unfinishedLine({ ...upload, state: "completed" }, texts, words, now));
    assert.equal(line, "58.1 GB, uploaded but not saved yet, Tuesday 2:02 PM");
  });

  test("that the portal is taking over is complete, and not to be had yet", () => {
    const line = plain(unfinishedLine({ ...upload, state: "adopting" }, texts, words, now));
    assert.equal(line, "58.1 GB, complete; the portal is taking it over");
  });

  test("that is being checked is complete, and not to be had yet", () => {
    const line = plain(unfinishedLine({ ...upload, state: "quarantined" }, texts, words, now));
    assert.equal(line, "58.1 GB, complete; it is being checked and can be used after that");
  });

  test("that is refused says why, in the portal's own words", () => {
    const refusal = { code: "type_not_allowed", message: "Files of this type are not allowed." };
    const line = plain(unfinishedLine({ ...upload, state: "refused", refusal }, texts, words, now));
    assert.equal(line, "58.1 GB, not accepted: Files of this type are not allowed.");
  });

  for (const [difference, sentence] of [
    [{ reason: "size", expected: 58_100_000_000, given: 57_900_000_000 }, "This is a different file: it is 57.9 GB, the unfinished one is 58.1 GB."],
    [{ reason: "size", expected: 58_100_000_001, given: 58_100_000_000 }, "This is a different file: it is 58,100,000,000 bytes, the unfinished one is 58,100,000,001 bytes."],
    [{ reason: "name", expected: "a.nc", given: "b.nc" }, "This is a different file: it is called b.nc, the unfinished one is called a.nc."],
    [{ reason: "content", expected: null, given: null }, "This is a different file: it has the same name and size, but different content."],
  ]) {
    test(`is not gone on with where the ${difference.reason} differs, and it is said how: ${difference.given}`, () => {
      assert.equal(plain(differenceSentence(difference, texts, words)), sentence);
    });
  }
});

describe("of what was uploaded before", () => {
  test("it is said where it goes on, or that nothing is sent", () => {
    const said = (loaded) => plain(beforeLine({ loaded, total: 100 }, "uploading", texts, words));
    assert.equal(said(0), "");
    assert.equal(said(61), "You started uploading this file earlier: 61% of it is already stored and is not sent again.");
    assert.equal(said(100), "You uploaded this file earlier but did not save it: it is not sent again.");
  });

  test("a share of it is not spoken of any more once all is there", () => {
    const said = (loaded, state) => plain(beforeLine({ loaded, total: 100 }, state, texts, words));
    for (const state of ["uploading", "paused", "offline", "failed", "completing"]) assert.match(said(46, state), /46% of it/);
    assert.equal(said(46, "complete"), "");
    assert.match(said(100, "complete"), /not sent again/);
  });
});

describe("the texts", () => {
  const sources = readdirSync(SRC, { recursive: true }).filter((name) => name.endsWith(".js")).map((name) => readFileSync(new URL(name, SRC), "utf-8")).join("\n");
  const used = new Set([...sources.matchAll(/texts\["(\w+)"\]/g)].map(([, key]) => key));

  test("that scripts ask for are all in the template", () => {
    assert.deepEqual([...used].filter((key) => !(key in texts)), []);
  });

  test("of the template are all asked for", () => {
    const quoted = (key) => sources.includes(`"${key}"`) || sources.includes(`${key}:`);
    const asked = (key) => used.has(key) || quoted(key) || quoted(key.replace(/^(error|differs)_/, ""));
    assert.deepEqual(Object.keys(texts).filter((key) => !asked(key)), []);
  });

  test("have no percent sign, which gettext in templates would take for a placeholder", () => {
    for (const text of Object.values(texts)) assert.doesNotMatch(text, /%/);
  });

  test("are filled in by name, and what is not known stays", () => {
    assert.equal(fill("{name} has {size}; {other}", { name: "a{size}", size: "1 GB" }), "a{size} has 1 GB; {other}");
    assert.equal(fill(undefined), "");
  });
});

describe("the template", () => {
  test("has no script and no style of its own: a strict content security policy holds", () => {
    assert.doesNotMatch(TEMPLATE, /<script|<style|\sstyle=|\son\w+=/i);
  });

  test("has every element that scripts touch", () => {
    const declared = readFileSync(new URL("field/parts.js", SRC), "utf-8");
    const names = [...declared.matchAll(/@property \{HTML\w+\} ([\w-]+)/g)].map(([, name]) => name);
    assert.ok(names.length > 15);
    for (const name of names) assert.ok(TEMPLATE.includes(`data-s3portal="${name}"`), name);
  });
});

describe("announcements", () => {
  test("come at steps of ten percent", () => {
    assert.deepEqual([0, 9, 10, 19, 99, 100].map((loaded) => announcedStep(loaded, 100)), [0, 0, 10, 10, 90, 100]);
    assert.equal(announcedStep(0, 0), 0);
  });
});
