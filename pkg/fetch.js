/**
 * The browser's `fetch` as the core relies on it: it rejects with an error and gives a response, also where an app aborts with a
 * reason that is no error, or where a page that has its tokens itself has put another function in its place. The build puts it
 * into the glue.
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
