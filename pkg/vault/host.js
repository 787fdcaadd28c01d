/**
 * What the glue calls in the place of the browser's own functions. The build puts it into the glue.
 *
 * A page that keeps its tokens itself may have replaced these functions before the library was loaded.
 */

const microtask = globalThis.queueMicrotask;

/** @type {() => void} */
let broken = () => {};
/** How many instances have broken: a task that an earlier instance scheduled does not concern this one. */
let count = 0;

/**
 * Sets the function that is called after a trap: the instance is of no use then. Returns the function to call after a trap.
 * @param {() => void} then
 */
export const whenBroken = (then) =>
  (broken = () => {
    count += 1;
    then();
  });

/**
 * Runs the core's futures. An exception out of the core is a trap, or leaves it in the middle of something, which is as bad.
 * @param {() => void} run
 */
export function queueMicrotask(run) {
  const instance = count;
  microtask(() => {
    try {
      run();
    } catch {
      if (instance === count) broken();
    }
  });
}

/**
 * Sends a request. The core relies on a rejection that is an error, and on a response that is the browser's.
 * @param {Request} request @returns {Promise<Response>}
 */
export async function fetch(request) {
  try {
    const response = await globalThis.fetch(request);
    if (response instanceof Response && response.status >= 0) return response;
  } catch (cause) {
    throw new TypeError('no response', { cause });
  }
  throw new TypeError('no response');
}
