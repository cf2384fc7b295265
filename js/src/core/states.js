/**
 * The states of one upload and the only ways between them.
 *
 * A state is what the publisher is told; every change goes through {@link requireTransition}, so a
 * combination that no one thought of is an error in a test and never a hang in a page.
 */

/**
 * @typedef {"idle" | "preparing" | "uploading" | "paused" | "offline" | "completing" | "complete"
 *   | "failed" | "aborting" | "aborted"} State
 */

/** The states in which the upload makes progress on its own. @typedef {"preparing" | "uploading" | "completing"} Phase */

/** @type {Readonly<Record<State, readonly State[]>>} */
export const TRANSITIONS = {
  idle: ["preparing", "aborted"],
  preparing: ["uploading", "paused", "offline", "failed", "aborting"],
  uploading: ["completing", "paused", "offline", "failed", "aborting"],
  // From paused, offline and failed an upload resumes whatever it was doing.
  paused: ["preparing", "uploading", "completing", "aborting"],
  offline: ["preparing", "uploading", "completing", "paused", "failed", "aborting"],
  // Back to uploading when the portal finds parts missing.
  completing: ["complete", "uploading", "offline", "failed", "aborting"],
  // A stored file can still be thrown away, as long as no form was saved with it.
  complete: ["aborting"],
  failed: ["preparing", "uploading", "completing", "aborting"],
  aborting: ["aborted"],
  aborted: [],
};

/** States in which leaving the page would lose work that is not finished. */
const UNFINISHED = new Set(
  /** @type {State[]} */ (["preparing", "uploading", "paused", "offline", "completing", "failed"]),
);

/**
 * @param {State} state
 * @returns {boolean}
 */
export function isUnfinished(state) {
  return UNFINISHED.has(state);
}

/**
 * @param {State} state
 * @returns {state is Phase}
 */
export function isPhase(state) {
  return state === "preparing" || state === "uploading" || state === "completing";
}

/**
 * @param {State} from
 * @param {State} to
 * @returns {boolean}
 */
export function mayChange(from, to) {
  return TRANSITIONS[from].includes(to);
}

/**
 * @param {State} from
 * @param {State} to
 * @throws {RangeError} where the table has no such way
 */
export function requireTransition(from, to) {
  if (!mayChange(from, to)) {
    throw new RangeError(`${from} cannot become ${to}.`);
  }
}
