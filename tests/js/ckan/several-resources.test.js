import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { SeveralResources, formFor } from "../../../js/src/ckan/several-resources.js";

describe("the form for another file", () => {
  const fieldsFor = (fields) => {
    const form = new FormData();
    for (const [name, value] of fields) form.append(name, value);
    return [...formFor(form, { uploadId: "u2", filename: "b.geojson" })];
  };

  test("has that file's name, format and upload", () => {
    const fields = fieldsFor([
      ["_csrf_token", "t"], ["name", "A"], ["format", "CSV"], ["s3multipart_upload_id", "u1"],
    ]);
    assert.deepEqual(Object.fromEntries(fields), {
      ...{ _csrf_token: "t", name: "b.geojson", format: "GeoJSON", s3multipart_upload_id: "u2" },
    });
  });

  test("has the name and the description of its row, also an empty one", () => {
    const form = new FormData();
    form.set("description", "of the first file");
    const own = formFor(form, { uploadId: "u2", filename: "b.csv", name: "Stations", description: "" });
    assert.deepEqual([own.get("name"), own.get("description")], ["Stations", ""]);
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
    assert.deepEqual(fields.map(([name]) => name), ["name", "format", "s3multipart_upload_id"]);
  });
});

describe("saving several files", () => {
  const files = ["a", "b", "c"].map((id) => ({ uploadId: id, filename: `${id}.csv` }));
  let attached;
  let sent;
  let asked;
  let answers;
  let typed;
  const adapter = {
    show: async (id) => {
      asked.push(`show ${id}`);
      if (answers[id] === "has an old token") typed = "new token";
      return { state: attached.has(id) ? "attached" : "completed" };
    },
    list: async () => {
      asked.push("list");
      return files.filter(({ uploadId }) => !attached.has(uploadId)).map(({ uploadId }) => ({ id: uploadId }));
    },
  };
  const RealFormData = globalThis.FormData;
  const realFetch = globalThis.fetch;
  const realParser = globalThis.DOMParser;

  beforeEach(() => {
    [attached, sent, asked, answers, typed] = [new Set(), [], [], {}, "token"];
    globalThis.FormData = class extends RealFormData {
      constructor(form) {
        super();
        if (!form) return;
        this.append("s3multipart_upload_id", "a");
        this.append("description", "Levels");
        this.append("_csrf_token", typed);
      }
    };
    globalThis.fetch = async (url, { body, redirect }) => {
      const id = body.get("s3multipart_upload_id");
      sent.push([id, redirect, body.get("description"), body.get("save")]);
      const answer = answers[id] ?? "takes";
      const isTaken = ["takes", "loses"].includes(answer) || body.get("_csrf_token") === "new token";
      if (isTaken) attached.add(id);
      if (answer === "loses") throw new TypeError("network");
      if (isTaken || answer === "wants a login") return { type: "opaqueredirect" };
      return { type: "basic", status: 200, statusText: "OK", text: async () => "<ul>" };
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
  const saved = async (counts = []) => {
    const outcome = await several().save(files, (count) => counts.push(count));
    return { saved: [...outcome.saved], reason: outcome.refusal?.sentence || outcome.refusal?.code };
  };

  test("takes one call for each in their order, and one that asks what became of them", async () => {
    const counts = [];
    assert.deepEqual(await saved(counts), { saved: ["a", "b", "c"], reason: undefined });
    assert.deepEqual(sent, ["a", "b", "c"].map((id) => [id, "manual", "Levels", "again"]));
    assert.deepEqual([asked, counts], [["list"], [0, 1, 2]]);
  });

  test("sends nothing more of a form that CKAN does not take, and says what CKAN's page says", async () => {
    answers = { a: "refuses" };
    assert.deepEqual(await saved(), { saved: [], reason: "a.csv: River: Missing value" });
    assert.deepEqual(ids(), ["a"]);
  });

  test("stops at one that is refused, and knows what is saved", async () => {
    answers = { b: "refuses" };
    assert.deepEqual(await saved(), { saved: ["a"], reason: "b.csv: River: Missing value" });
    assert.deepEqual(ids(), ["a", "b"]);
  });

  test("asks the portal where an answer is lost, and does not send it twice", async () => {
    answers = { a: "loses", b: "loses" };
    assert.deepEqual(await saved(), { saved: ["a", "b", "c"], reason: undefined });
    assert.deepEqual(ids(), ["a", "b", "c"]);
  });

  test("sends the form once more where it had an old token", async () => {
    answers = { a: "has an old token" };
    assert.deepEqual(await saved(), { saved: ["a", "b", "c"], reason: undefined });
    assert.deepEqual(ids(), ["a", "a", "b", "c"]);
  });

  test("takes no redirect to the login for a save", async () => {
    answers = { b: "wants a login", c: "wants a login" };
    assert.deepEqual(await saved(), { saved: ["a"], reason: "not_signed_in" });
  });
});
