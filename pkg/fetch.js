/**
 * The `fetch` function that the core calls. It always rejects with an `Error` and resolves with a `Response`, even if the app
 * aborts with a reason that is not an `Error`, or if the page of an app with `tokens: 'page'` has replaced `fetch`. The build
 * adds this file to the glue.
 */

/** @param {Request} request @returns {Promise<Response>} */
export async function fetch(request) {
  try {
    const response = await globalThis.fetch(request);
    if (response instanceof Response) return response;
    throw new TypeError('no response');
  } catch (cause) {
    throw cause instanceof Error ? cause : new TypeError('no response', { cause });
  }
}
