import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { WakeLock } from "../../../js/src/form/wake-lock.js";

/** A document that can be hidden, in a browser that counts the locks it gives out. */
function pageWith(request) {
  const page = Object.assign(new EventTarget(), {
    visibilityState: "visible",
    locks: [],
    show(visible) {
      page.visibilityState = visible ? "visible" : "hidden";
      // As browsers do with pages that are hidden.
      if (!visible) page.locks.length = 0;
      page.dispatchEvent(new Event("visibilitychange"));
    },
  });
  const give = async () => {
    const lock = { release: () => page.locks.splice(page.locks.indexOf(lock), 1) };
    page.locks.push(lock);
    return lock;
  };
  page.defaultView = { navigator: { wakeLock: request === undefined ? { request: give } : request } };
  return page;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("keeping the computer awake", () => {
  test("is asked for once while it is wanted, and given back", async () => {
    const page = pageWith();
    const wakeLock = new WakeLock(page);
    wakeLock.want(true);
    wakeLock.want(true);
    await settled();
    assert.equal(page.locks.length, 1);
    wakeLock.want(false);
    await settled();
    assert.equal(page.locks.length, 0);
  });

  test("is asked for again when the page is shown again", async () => {
    const page = pageWith();
    const wakeLock = new WakeLock(page);
    wakeLock.want(true);
    await settled();
    page.show(false);
    page.show(true);
    await settled();
    assert.equal(page.locks.length, 1);
  });

  test("is not asked for by a hidden page, but when it is shown", async () => {
    const page = pageWith();
    page.show(false);
    new WakeLock(page).want(true);
    await settled();
    assert.equal(page.locks.length, 0);
    page.show(true);
    await settled();
    assert.equal(page.locks.length, 1);
  });

  test("that is refused, or unknown to the browser, is no failure", async () => {
    for (const request of [{ request: () => Promise.reject(new Error("battery low")) }, null]) {
      const wakeLock = new WakeLock(pageWith(request));
      wakeLock.want(true);
      wakeLock.want(false);
      await settled();
    }
  });
});
