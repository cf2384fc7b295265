import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
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

/** Minified and gzipped, as the sizes of other uploaders are told. */
async function bundledBytes(esbuild, ...names) {
  const entryPoints = names.map((name) => fileURLToPath(new URL(name, SRC)));
  const { outputFiles } = await esbuild.build({ entryPoints, outdir: "/", bundle: true, minify: true, format: "esm", write: false });
  return outputFiles.reduce((sum, file) => sum + gzipSync(file.contents, { level: 9 }).length, 0);
}

test("the core with everything that it may load has at most 10 kB, minified and gzipped", async (t) => {
  let esbuild;
  try {
    esbuild = createRequire(new URL("../package.json", SRC))("esbuild");
  } catch {
    t.skip("esbuild is not installed: npm install in js/");
    return;
  }
  const size = await bundledBytes(esbuild, "upload.js", "checksum-worker.js");
  t.diagnostic(`${size} bytes`);
  assert.ok(size <= 10_000, `${size} bytes`);
});

test("the core needs nothing of the page", () => {
  assert.deepEqual([...withImports("upload.js")].filter((name) => /field|form|ckan|sentences|saving/.test(name)), []);
});

test("nothing outside this folder is imported: no run-time dependency", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", SRC), "utf-8"));
  assert.equal(manifest.dependencies, undefined);
  for (const name of withImports("ckan-form.js")) {
    assert.doesNotMatch(source(name), /^import .* from "(?!\.\/)/m, name);
  }
});
