import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Prefill, formatOf } from "../../../js/src/form/prefill.js";

class FakeInput extends EventTarget {
  value = "";
}

describe("the format", () => {
  for (const [filename, format] of [
    ["stations.csv", "CSV"],
    ["river-gauges-2026.nc", "NetCDF"],
    ["map.GeoJSON", "GeoJSON"],
    ["backup.tar.gz", "GZ"],
    ["photo.jpg", "JPEG"],
    ["README", ""],
    [".htaccess", ""],
    ["a.", ""],
    ["minutes of 1.12.2026 final version", ""],
  ]) {
    test(`of ${filename} is ${format || "left open"}`, () => assert.equal(formatOf(filename), format));
  }
});

describe("filling in", () => {
  test("fills what is empty and tells the page's scripts", () => {
    const input = new FakeInput();
    let changes = 0;
    input.addEventListener("change", () => changes++);
    new Prefill().fill(input, "a.csv");
    assert.equal(input.value, "a.csv");
    assert.equal(changes, 1);
  });

  test("never writes over what was typed", () => {
    const input = new FakeInput();
    const prefill = new Prefill();
    prefill.fill(input, "a.csv");
    input.value = "Gauges";
    prefill.fill(input, "b.csv");
    assert.equal(input.value, "Gauges");
  });

  test("follows to another file what no one touched", () => {
    const input = new FakeInput();
    const prefill = new Prefill();
    prefill.fill(input, "a.csv");
    prefill.fill(input, "b.csv");
    assert.equal(input.value, "b.csv");
  });

  test("is not disturbed by a field that is not there", () => {
    new Prefill().fill(null, "a.csv");
  });
});
