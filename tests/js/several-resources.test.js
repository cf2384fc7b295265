import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { SeveralResources, sharedFields } from "../../js/src/several-resources.js";

const form = (fields) => {
  const data = new FormData();
  for (const [name, value] of fields) data.append(name, value);
  return data;
};

describe("what the resources of one form have in common", () => {
  test("is everything but what describes one file, and what only the form knows", () => {
    const fields = form([
      ["_csrf_token", "t"], ["id", ""], ["name", "A"], ["format", "CSV"], ["url_type", "upload"], ["url", ""],
      ["upload", new Blob(["x"])], ["s3multipart_upload_id", "u"], ["save", "again"],
      ["description", "Levels"], ["license", "cc-by"],
    ]);
    assert.deepEqual(sharedFields(fields), { description: "Levels", license: "cc-by" });
  });

  test("keeps a field with several values whole, and leaves out lists in lists", () => {
    const fields = form([["theme", "water"], ["theme", "air"], ["extras__0__key", "k"]]);
    assert.deepEqual(sharedFields(fields), { theme: ["water", "air"] });
  });
});

describe("saving several files", () => {
  const files = ["a", "b", "c"].map((id) => ({ uploadId: id, filename: `${id}.csv` }));
  let attached;
  let made;
  let refuse;
  let posts;
  let takesForm;
  const adapter = {
    show: async (id) => ({ state: attached.has(id) ? "attached" : "completed" }),
    createResource: async (fields) => {
      if (refuse === fields.s3multipart_upload_id) throw new Error("refused");
      made.push(fields);
    },
  };
  const RealFormData = globalThis.FormData;
  const realFetch = globalThis.fetch;

  beforeEach(() => {
    [attached, made, refuse, posts, takesForm] = [new Set(), [], null, 0, true];
    globalThis.FormData = class extends RealFormData {
      constructor() {
        super();
        this.append("description", "Levels");
      }
    };
    globalThis.fetch = async () => {
      posts += 1;
      if (takesForm) attached.add("a");
      return { url: "/dataset/rivers" };
    };
  });
  afterEach(() => {
    globalThis.FormData = RealFormData;
    globalThis.fetch = realFetch;
  });

  const several = () => new SeveralResources({ action: "/dataset/rivers/resource/new" }, adapter);

  test("sends the form first, then makes the others in their order, and tells where CKAN went on to", async () => {
    assert.equal(await several().save(files, null, () => {}), "/dataset/rivers");
    assert.deepEqual(made, [
      { description: "Levels", name: "b.csv", format: "CSV", s3multipart_upload_id: "b" },
      { description: "Levels", name: "c.csv", format: "CSV", s3multipart_upload_id: "c" },
    ]);
  });

  test("makes nothing of a form that CKAN does not take", async () => {
    takesForm = false;
    assert.equal(await several().save(files, null, () => {}), null);
    assert.deepEqual(made, []);
  });

  test("after a failure sends the form no second time", async () => {
    const saving = several();
    refuse = "c";
    await assert.rejects(saving.save(files, null, () => {}));
    refuse = null;
    assert.equal(await saving.save(files, null, () => {}), "/dataset/rivers");
    assert.equal(posts, 1);
    assert.equal(made.at(-1).name, "c.csv");
  });

  test("believes the portal and not the answer, when the answer is lost", async () => {
    globalThis.fetch = async () => {
      attached.add("a");
      throw new TypeError("network");
    };
    assert.equal(await several().save(files, null, () => {}), "/dataset/rivers/resource/new");
    assert.equal(made.length, 2);
  });
});
