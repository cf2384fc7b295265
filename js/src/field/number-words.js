/**
 * Sizes, speeds, shares and times as people say them, in the page's language.
 *
 * The browser's own Intl knows the words and their plurals ("1 min", "4 min"), so none of our texts
 * has to be translated for them.
 */

/**
 * @typedef {object} NumberWords
 * @property {(bytes: number) => string} size "58.1 GB"
 * @property {(bytesPerSecond: number) => string} speed "94 MB/s"
 * @property {(share: number) => string} percent "61 %"; 100 only when all is done
 * @property {(seconds: number) => string} duration "4 min"
 * @property {(bytes: number) => string} bytes "58,100,000,123 bytes"
 * @property {(date: Date, now: Date) => string} moment "Tuesday 14:02"; with the date where it is longer ago
 * @property {(date: Date) => string} instant "18 Nov 2026, 14:02:07"
 */

/** Decimal units, as disks and operating systems count. */
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];
const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;
/** A weekday's name means the last day of that name. */
const WEEKDAYS_MS = 6 * DAY_S * 1_000;

/**
 * @param {string} locale as in the page's lang attribute ("pt-BR"), or as gettext writes it ("pt_BR")
 * @returns {NumberWords}
 */
export function numberWords(locale) {
  const language = knownLocale(locale);
  /** @param {number} value @param {string} unit @param {Intl.NumberFormatOptions} [options] */
  const measured = (value, unit, options) =>
    new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short", ...options }).format(value);
  /** @param {number} bytes @returns {[number, string]} */
  const scaled = (bytes) => {
    let power = 0;
    while (power < UNITS.length - 1 && bytes / 1000 ** power >= 999.5) power += 1;
    return [bytes / 1000 ** power, /** @type {string} */ (UNITS[power])];
  };

  return {
    size(bytes) {
      const [value, unit] = scaled(bytes);
      if (unit === "byte") return measured(value, unit, { unitDisplay: "long", maximumFractionDigits: 0 });
      return measured(value, unit, { maximumFractionDigits: value < 99.95 ? 1 : 0 });
    },
    speed(bytesPerSecond) {
      const [value, unit] = scaled(Math.max(bytesPerSecond, 1_000));
      return measured(value, `${unit}-per-second`, { maximumFractionDigits: value < 9.95 ? 1 : 0 });
    },
    percent(share) {
      // 0.29 * 100 is a little less than 29 in binary.
      const whole = share >= 1 ? 100 : Math.min(99, Math.floor(share * 100 + 1e-9));
      return new Intl.NumberFormat(language, { style: "percent" }).format(whole / 100);
    },
    duration(seconds) {
      return roundedDuration(seconds)
        // "3 Tg." is not German that anyone reads.
        .map(([value, unit]) => measured(value, unit, { unitDisplay: unit === "day" ? "long" : "short" }))
        .join(" ");
    },
    bytes(bytes) {
      return measured(bytes, "byte", { unitDisplay: "long" });
    },
    moment(date, now) {
      const isRecent = now.getTime() - date.getTime() < WEEKDAYS_MS;
      /** @type {Intl.DateTimeFormatOptions} */
      const day = isRecent ? { weekday: "long" } : { day: "numeric", month: "long" };
      const words = new Intl.DateTimeFormat(language, day).format(date);
      return `${words} ${new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(date)}`;
    },
    instant(date) {
      return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(date);
    },
  };
}

/**
 * Rounds a time left the way people do: no one says "23 minutes 41 seconds".
 *
 * @param {number} seconds
 * @returns {[number, string][]} one or two amounts with their units, largest first
 */
export function roundedDuration(seconds) {
  if (seconds <= 50) return [[Math.max(10, Math.ceil(seconds / 10) * 10), "second"]];
  if (seconds < 10 * MINUTE_S) return [[Math.max(1, Math.ceil(seconds / MINUTE_S - 0.25)), "minute"]];
  if (seconds < 57.5 * MINUTE_S) return [[Math.round(seconds / MINUTE_S / 5) * 5, "minute"]];
  if (seconds < 5 * HOUR_S) {
    const quarters = Math.round(seconds / HOUR_S / 0.25);
    const hours = Math.floor(quarters / 4);
    const minutes = (quarters % 4) * 15;
    return minutes === 0 ? [[hours, "hour"]] : [[hours, "hour"], [minutes, "minute"]];
  }
  if (seconds < 2 * DAY_S) return [[Math.round(seconds / HOUR_S), "hour"]];
  return [[Math.round(seconds / DAY_S), "day"]];
}

/** @param {string} locale @returns {string} */
function knownLocale(locale) {
  try {
    return Intl.getCanonicalLocales(locale.replaceAll("_", "-"))[0] ?? "en";
  } catch {
    return "en";
  }
}
