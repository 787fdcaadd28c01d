/** A mistake of the person at the command line: its message is printed without a stack, and says what to change. */

export class Mistake extends Error {}

/** @param {unknown} condition @param {string} what is wrong, and how to mend it @returns {asserts condition} */
export function expect(condition, what) {
  if (!condition) throw new Mistake(what);
}
