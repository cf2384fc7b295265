import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { SeveralResources, formFor } from "../../js/src/several-resources.js";

describe("the form for another file", () => {
  const fieldsFor = (fields) => {
    const form = new FormData();
    for (const [name, value] of fields) form.append(name, value);
    return [...formFor(form, { uploadId: "u2", filename: "b.geojson" })];
  };

  test("has that file's name, format and upload, and goes nowhere", () => {
    const fields = fieldsFor([
      ["_csrf_token", "t"], ["name", "A"], ["format", "CSV"], ["s3multipart_upload_id", "u1"], ["save", "go-metadata"],
    ]);
    assert.deepEqual(Object.fromEntries(fields), {
      ...{ _csrf_token: "t", name: "b.geojson", format: "GeoJSON", s3multipart_upload_id: "u2", save: "again" },
    });
  });

  test("has all else as it is: a field with several values, lists in lists, in their order", () => {
    const kept = [
      ...[["id", ""], ["theme", "water"], ["stations__0__river", "Elbe"], ["theme", "air"]],
      ...[["stations__1__river", "Oder"], ["description", ""], ["url_type", "upload"]],
    ];
    assert.deepEqual(fieldsFor(kept).slice(0, kept.length), kept);
  });

  test("names no file so that it looks like another", () => {
    const form = formFor(new FormData(), { uploadId: "u", filename: "a\u202efdp.exe" });
    assert.equal(form.get("name"), "afdp.exe");
  });

  test("has nothing that describes the first file", () => {
    const fields = fieldsFor([["upload", new Blob(["x"])], ["size", "3"], ["hash", "md5:1"], ["mimetype", "text/csv"]]);
    assert.deepEqual(fields.map(([name]) => name), ["name", "format", "s3multipart_upload_id", "save"]);
  });
});

describe("saving several files", () => {
  const files = ["a", "b", "c"].map((id) => ({ uploadId: id, filename: `${id}.csv` }));
  let attached;
  let sent;
  let answers;
  const adapter = { show: async (id) => ({ state: attached.has(id) ? "attached" : "completed" }) };
  const RealFormData = globalThis.FormData;
  const realFetch = globalThis.fetch;
  const realParser = globalThis.DOMParser;

  beforeEach(() => {
    [attached, sent, answers] = [new Set(), [], {}];
    globalThis.FormData = class extends RealFormData {
      constructor(form) {
        super();
        if (!form) return;
        this.append("s3multipart_upload_id", "a");
        this.append("description", "Levels");
      }
    };
    globalThis.fetch = async (url, { body, redirect }) => {
      const id = body.get("s3multipart_upload_id");
      sent.push([id, redirect, body.get("description")]);
      const answer = answers[id] ?? "takes";
      if (answer !== "refuses") attached.add(id);
      if (answer === "loses") throw new TypeError("network");
      return { url: "/dataset/rivers", status: 200, statusText: "OK", text: async () => "<ul>" };
    };
    globalThis.DOMParser = class {
      parseFromString = () => ({ querySelectorAll: () => [{ textContent: " River: Missing value " }] });
    };
  });
  afterEach(() => {
    globalThis.FormData = RealFormData;
    globalThis.fetch = realFetch;
    globalThis.DOMParser = realParser;
  });

  const several = () => new SeveralResources({ action: "/dataset/rivers/resource/new" }, adapter);
  const ids = () => sent.map(([id]) => id);

  test("sends the form for each in their order, and tells where CKAN went on to", async () => {
    assert.equal(await several().save(files, null, () => {}), "/dataset/rivers");
    assert.deepEqual(sent, [["a", "follow", "Levels"], ["b", "manual", "Levels"], ["c", "manual", "Levels"]]);
  });

  test("sends nothing more of a form that CKAN does not take", async () => {
    answers = { a: "refuses" };
    assert.equal(await several().save(files, null, () => {}), null);
    assert.deepEqual(ids(), ["a"]);
  });

  test("says what CKAN's page says, and goes on later where it stopped", async () => {
    const saving = several();
    answers = { b: "refuses" };
    await assert.rejects(saving.save(files, null, () => {}), { sentence: "b.csv: River: Missing value" });
    answers = {};
    assert.equal(await saving.save(files, null, () => {}), "/dataset/rivers");
    assert.deepEqual(ids(), ["a", "b", "b", "c"]);
  });

  test("believes the portal and not the answer, when answers are lost", async () => {
    answers = { a: "loses", b: "loses" };
    assert.equal(await several().save(files, null, () => {}), "/dataset/rivers/resource/new");
    assert.deepEqual(ids(), ["a", "b", "c"]);
  });
});
