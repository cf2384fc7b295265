import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { numberWords } from "../../../js/src/field/number-words.js";

/** Intl puts spaces of several widths. */
const plain = (text) => text.replace(/\s/gu, " ");

describe("sizes", () => {
  const { size } = numberWords("en");
  for (const [bytes, words] of [
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1_000, "1 kB"],
    [1_234_567, "1.2 MB"],
    [58_100_000_000, "58.1 GB"],
    [100_000_000_000, "100 GB"],
    [999_999_999, "1 GB"],
    [48.8 * 1024 ** 4, "53.7 TB"],
  ]) {
    test(`of ${bytes} bytes are ${words}`, () => assert.equal(plain(size(bytes)), words));
  }
});

describe("times left", () => {
  const { duration } = numberWords("en");
  for (const [seconds, words] of [
    [0, "10 sec"],
    [12, "20 sec"],
    [50, "50 sec"],
    [51, "1 min"],
    [60, "1 min"],
    [70, "1 min"],
    [225, "4 min"],
    [599, "10 min"],
    [23 * 60, "25 min"],
    [3_600, "1 hr"],
    [8_900, "2 hr 30 min"],
    [10 * 3_600, "10 hr"],
    [3 * 86_400, "3 days"],
  ]) {
    test(`of ${seconds} s are ${words}`, () => assert.equal(plain(duration(seconds)), words));
  }
});

describe("numbers", () => {
  test("say 100 % only when all is done", () => {
    const { percent } = numberWords("en");
    assert.equal(percent(0.9999), "99%");
    assert.equal(percent(1), "100%");
    assert.equal(percent(0.29), "29%");
  });

  test("say speeds by the second", () => {
    const { speed } = numberWords("en");
    assert.equal(plain(speed(94_200_000)), "94 MB/s");
    assert.equal(plain(speed(1_250_000)), "1.3 MB/s");
    assert.equal(plain(speed(0)), "1 kB/s");
  });

  test("speak the page's language, however it is written", () => {
    assert.equal(plain(numberWords("de").size(58_100_000_000)), "58,1 GB");
    assert.equal(plain(numberWords("pt_BR").size(58_100_000_000)), "58,1 GB");
    assert.equal(plain(numberWords("fr").percent(0.61)), "61 %");
    assert.equal(plain(numberWords("no such language").size(1_000)), "1 kB");
  });
});

describe("in other languages", () => {
  for (const [locale, words] of [
    ["de", ["0 Byte", "1 Byte", "2 Byte", "1,5 kB", "20 Sek.", "2 Std. 30 Min.", "3 Tage", "94 MB/s"]],
    ["fr", ["0 octet", "1 octet", "2 octets", "1,5 ko", "20 s", "2 h 30 min", "3 jours", "94 Mo/s"]],
  ]) {
    test(`numbers have the units and plurals of ${locale}`, () => {
      const { size, duration, speed } = numberWords(locale);
      const said = [
        ...[0, 1, 2, 1_500].map(size),
        ...[12, 8_900].map(duration),
        duration(3 * 86_400),
        speed(94_200_000),
      ];
      assert.deepEqual(said.map(plain), words);
    });
  }
});

describe("moments", () => {
  const { moment } = numberWords("en-GB");
  const now = new Date(2026, 10, 21, 9, 0);

  test("of the last days are weekdays", () => {
    assert.equal(plain(moment(new Date(2026, 10, 17, 14, 2), now)), "Tuesday 14:02");
  });

  test("that are longer ago are dates, since a weekday would mislead", () => {
    assert.equal(plain(moment(new Date(2026, 10, 14, 14, 2), now)), "14 November 14:02");
  });
});
