import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));
const read = (path) => readFileSync(join(CHECKOUT, path), "utf-8");
const NPM = join(dirname(process.execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js");

/** The compiler that requirements/js-types.txt names, or that of `npm install` in js/. */
function compiler() {
  try {
    return createRequire(join(CHECKOUT, "js", "package.json")).resolve("typescript/bin/tsc");
  } catch {
    return null;
  }
}

describe("the npm package", { skip: compiler() ? false : "typescript is not installed: npm install in js/" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "s3portal-package-"));
  const consumer = join(folder, "consumer");
  const installed = join(consumer, "node_modules", "s3portal-uploader");
  after(() => rmSync(folder, { recursive: true }));

  const run = (cwd, ...command) =>
    execFileSync(process.execPath, command, {
      ...{ cwd, encoding: "utf-8", stdio: ["ignore", "pipe", "pipe"] },
      env: { ...process.env, PATH: [join(dirname(compiler()), "..", "..", ".bin"), dirname(process.execPath), process.env.PATH].join(delimiter) },
    });

  before(() => {
    // As `npm publish` in js/ does it, without leaving anything there.
    const source = join(folder, "js");
    cpSync(join(CHECKOUT, "js"), source, { recursive: true, filter: (path) => !/node_modules|[\\/](types|dist)$/.test(path) });
    const [{ filename }] = JSON.parse(run(source, NPM, "pack", "--json", "--offline"));
    mkdirSync(consumer);
    writeFileSync(join(consumer, "package.json"), '{ "private": true, "type": "module" }');
    const quietly = ["--offline", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"];
    run(consumer, NPM, "install", ...quietly, join(source, filename));
  });

  const manifest = () => JSON.parse(readFileSync(join(installed, "package.json"), "utf-8"));

  test("has the version of s3portal, and may be published", () => {
    const [, version] = /__version__ = "(.+)"/.exec(read("s3portal/__init__.py"));
    assert.equal(manifest().version, version);
    assert.equal(manifest().private, undefined);
    assert.equal(manifest().dependencies, undefined);
  });

  test("has its licence, which is that of s3portal, and a page about it", () => {
    assert.equal(readFileSync(join(installed, "LICENSE"), "utf-8"), read("LICENSE"));
    assert.match(readFileSync(join(installed, "README.md"), "utf-8"), /^# s3portal-uploader\n/);
  });

  test("has every file that it exports, and no former addresses", () => {
    for (const target of Object.values(manifest().exports)) {
      for (const path of typeof target === "string" ? [target] : Object.values(target)) {
        assert.ok(existsSync(join(installed, path)), path);
      }
    }
    assert.ok(!existsSync(join(installed, "src", "upload.js")));
    assert.ok(existsSync(join(installed, "src", "core", "checksum-worker.js")));
  });

  test("can be imported, module by module", () => {
    const modules = Object.keys(manifest().exports).filter((path) => !/\.(css|json)$/.test(path));
    const imports = modules.map((path) => `await import("s3portal-uploader${path.slice(1)}");`);
    writeFileSync(join(consumer, "import.js"), imports.join("\n"));
    assert.equal(run(consumer, "import.js"), "");
  });

  for (const resolution of ["bundler", "nodenext"]) {
    test(`tells a program in TypeScript what is right and what is wrong (moduleResolution ${resolution})`, () => {
      cpSync(join(CHECKOUT, "tests/js/package/consumer.ts"), join(consumer, "consumer.ts"));
      const module = resolution === "bundler" ? "ES2022" : "NodeNext";
      const options = ["--noEmit", "--strict", "--target", "ES2022", "--module", module, "--lib", "ES2023,DOM,DOM.Iterable"];
      run(consumer, compiler(), ...options, "--moduleResolution", resolution, "consumer.ts");
    });
  }

  for (const page of ["docs/uploader.md", "js/README.md"]) {
    test(`has everything that ${page} imports`, () => {
      const taught = [...read(page).matchAll(/^import \{ (.+) \} from "(s3portal-uploader[^"]*)";$/gm)];
      assert.ok(taught.length > 0);
      const checks = taught.map(
        ([, names, path]) => `{ const found = await import("${path}"); for (const name of "${names}".split(", ")) if (!found[name]) throw new Error(name); }`,
      );
      writeFileSync(join(consumer, "taught.js"), checks.join("\n"));
      assert.equal(run(consumer, "taught.js"), "");
    });
  }
});
