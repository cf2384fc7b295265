import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import { formatOf } from "../../../js/src/form/prefill.js";
import { safeFilename } from "../../../js/src/field/safe-filename.js";

const ODD_NAMES = JSON.parse(readFileSync(new URL("../../shared/odd_names.json", import.meta.url), "utf-8"));

describe("the names of files, by the table that the portal's tests read as well", () => {
  for (const { name, safe, format } of ODD_NAMES) {
    test(JSON.stringify(name), () => {
      assert.equal(safeFilename(name), safe);
      assert.equal(safeFilename(safe), safe, "applied twice, nothing changes");
      assert.equal(formatOf(name), format);
    });
  }

  test("are cut between characters, before their extensions", () => {
    const cut = safeFilename(`${"ü".repeat(300)}.tar.gz`);
    assert.equal(cut, `${"ü".repeat(124)}.tar.gz`);
    assert.equal(safeFilename(`${"😀".repeat(100)}.csv`), `${"😀".repeat(62)}.csv`);
    assert.equal(safeFilename("x".repeat(300)), "x".repeat(255));
  });
});
