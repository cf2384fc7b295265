import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { allModules, importsOf, source } from "./modules.js";

/** What each room may import besides itself. */
const BELOW = {
  core: [],
  field: ["core"],
  form: ["core", "field"],
  ckan: ["core", "field", "form"],
  indico: ["core", "field", "form"],
  console: ["core", "field", "form"],
};

const roomOf = (path) => (path.includes("/") ? path.split("/")[0] : "");

/** The imports that a module must not have. */
function wrongImports(path, imports) {
  const allowed = [roomOf(path), ...(BELOW[roomOf(path)] ?? [])];
  return imports.filter((imported) => !allowed.includes(roomOf(imported)));
}

describe("the rooms of js/src", () => {
  const rooms = allModules().filter(roomOf);

  test("are these, and none is empty", () => {
    assert.deepEqual([...new Set(rooms.map(roomOf))].sort(), Object.keys(BELOW).sort());
  });

  for (const path of rooms) {
    test(`${path} imports only from its own room and from those below`, () => {
      const imports = importsOf(path);
      assert.deepEqual(wrongImports(path, imports), []);
      assert.deepEqual(imports.filter((imported) => !allModules().includes(imported)), []);
    });
  }

  test("are looked at closely: each way of importing is found", () => {
    const text = `
      import { a } from "../field/field.js";
import { b } from "../ckan/adapter.js";
import {
  c,
} from "../form/saving.js";
import "../indico/adapter.js";
export * from "../field/undo.js";
/** @param {import("../field/parts.js").Parts} parts */
const later = () => import("../form/prefill.js");
new Worker(new URL("../form/wake-lock.js", import.meta.url));
import "left-pad";
`;
    const found = importsOf("core/upload.js", text);
    const rooms = ["ckan/adapter.js", "form/saving.js", "indico/adapter.js", "field/undo.js", "field/parts.js"];
    assert.deepEqual(found, [...rooms, "form/prefill.js", "form/wake-lock.js", "left-pad"]);
    assert.deepEqual(wrongImports("core/upload.js", found), found);
    assert.deepEqual(wrongImports("ckan/form.js", found), ["indico/adapter.js", "left-pad"]);
  });
});

describe("the addresses that modules had before there were rooms", () => {
  const former = allModules().filter((path) => !roomOf(path));

  test("lead to the modules, and have nothing of their own", () => {
    assert.ok(former.length > 0);
    for (const path of former) {
      const [moved, ...others] = importsOf(path);
      assert.deepEqual(others, [], path);
      assert.match(source(path), /^\/\/ .*\n(export \* from|import) ".+";\n$/, path);
      assert.notEqual(roomOf(moved), "", path);
    }
  });
});
