import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const SRC = new URL("../../js/src/", import.meta.url);

/** A module and everything that it imports. */
function withImports(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const [, imported] of source(name).matchAll(/^import .* from "\.\/(.*)";$/gm)) withImports(imported, seen);
  return seen;
}

function source(name) {
  return readFileSync(new URL(name, SRC), "utf-8");
}

test("the core without its comments has at most 10 kB gzipped, and needs nothing of the page", () => {
  const modules = [...withImports("upload.js")];
  assert.deepEqual(modules.filter((name) => /field|form|ckan|sentences|saving/.test(name)), []);
  const code = modules.map((name) => source(name).replace(/\/\*\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "")).join("\n");
  const size = gzipSync(code.replace(/^\s+/gm, ""), { level: 9 }).length;
  assert.ok(size <= 10_000, `${size} bytes`);
});

test("nothing outside this folder is imported: no run-time dependency", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", SRC), "utf-8"));
  assert.equal(manifest.dependencies, undefined);
  for (const name of withImports("ckan-form.js")) {
    assert.doesNotMatch(source(name), /^import .* from "(?!\.\/)/m, name);
  }
});
