import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { bundles } from "../../../js/build.mjs";
import { SRC, importsOf } from "../modules.js";

/** A module and everything that it imports. */
function withImports(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const imported of importsOf(name)) withImports(imported, seen);
  return seen;
}

/** The bundles that a wheel carries, gzipped, as the sizes of other uploaders are told. */
async function bundledBytes(esbuild, ...names) {
  const files = await bundles(esbuild);
  return names.reduce((sum, name) => sum + gzipSync(files.get(name), { level: 9 }).length, 0);
}

test("the core with everything that it may load has at most 10 kB, minified and gzipped", async (t) => {
  let esbuild;
  try {
    esbuild = createRequire(new URL("../package.json", SRC))("esbuild");
  } catch {
    t.skip("esbuild is not installed: npm install in js/");
    return;
  }
  const size = await bundledBytes(esbuild, "core.js", "checksum-worker.js");
  t.diagnostic(`${size} bytes`);
  assert.ok(size <= 10_000, `${size} bytes`);
});

test("nothing outside this folder is imported: no run-time dependency", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", SRC), "utf-8"));
  assert.equal(manifest.dependencies, undefined);
  for (const entry of ["ckan/form.js", "indico/materials.js"]) {
    for (const name of withImports(entry)) assert.match(name, /^(core|field|form|ckan|indico)\//);
  }
});
