/**
 * Several uploads as one: how far, how fast, how long, and whether a form can be saved with them. Pure.
 */

import { isUnfinished } from "../core/states.js";

/** @typedef {import("../core/states.js").State} State */
/** @typedef {{readonly loaded: number, readonly total: number, readonly bytesPerSecond: number | null,
 *    readonly eta: number | null}} Progress */

/**
 * @param {readonly {readonly state: State, readonly progress: Progress}[]} uploads
 * @returns {Progress} of all together; `eta` is null while it is unknown
 */
export function totalProgress(uploads) {
  let [loaded, total, bytesPerSecond] = [0, 0, 0];
  for (const { state, progress } of uploads) {
    loaded += progress.loaded;
    total += progress.total;
    // What rests does not add to the speed, although it remembers its own.
    if (state === "uploading") bytesPerSecond += progress.bytesPerSecond ?? 0;
  }
  if (uploads.length === 1 && uploads[0]) return uploads[0].progress;
  if (bytesPerSecond === 0) return { loaded, total, bytesPerSecond: null, eta: null };
  return { loaded, total, bytesPerSecond, eta: (total - loaded) / bytesPerSecond };
}

/**
 * What a form with these uploads is: `empty` no file · `stored` all are there · `stopped` one failed and
 * the publisher has to decide · `paused` nothing moves until the publisher says so · `working`.
 *
 * @param {readonly {readonly state: State}[]} uploads
 * @returns {"empty" | "stored" | "stopped" | "paused" | "working"}
 */
export function standing(uploads) {
  if (uploads.length === 0) return "empty";
  const states = new Set(uploads.map((upload) => upload.state));
  if (states.has("failed")) return "stopped";
  states.delete("complete");
  if (states.size === 0) return "stored";
  states.delete("paused");
  return states.size === 0 ? "paused" : "working";
}

/**
 * Whether leaving the page would lose something that is not offered again, or would stop what runs. What
 * is paused is safe at the store.
 *
 * @param {readonly {readonly state: State}[]} uploads
 * @returns {boolean}
 */
export function wouldLose(uploads) {
  return uploads.some(({ state }) => state === "complete" || (isUnfinished(state) && state !== "paused"));
}
