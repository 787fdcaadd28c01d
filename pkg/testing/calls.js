/** The calls of the kit's client: which of them are sent, and what responds. */

import { configError, failure } from '../errors.js';
import { refusalOf } from './refusals.js';

/** @typedef {import('./index.d.ts').TestClientOptions} Options */

/**
 * The request of a call, unless a real client would not send it.
 * @param {Options} options @param {RequestInfo | URL} input @param {RequestInit} [init]
 */
export function checkedRequest({ api }, input, init) {
  if (init?.redirect === 'manual')
    throw configError('option `redirect`: not possible with a token', 'Leave it out, or use `fetch`.');
  const request = requestOf(input, init);
  if (api && !isListed(api, request.url)) throw refusalOf('request_blocked');
  if (request.headers.has('authorization') || request.headers.has('dpop'))
    throw failure(
      'request_blocked',
      'app',
      'the call was not sent: it brings its own `Authorization` or `DPoP` header',
      'Leave the header out: the client adds it.',
    );
  return request;
}

/** The response of the test's handler, or else of the global `fetch`. @param {Options} options @param {Request} request */
export function responseTo(options, request) {
  const { signal } = request;
  return Promise.race([
    respond(options, request),
    new Promise((/** @type {(response: Response) => void} */ _, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason));
    }),
  ]);
}

/** @param {Options} options @param {Request} request */
async function respond({ fetch: handler }, request) {
  if (request.signal.aborted) throw request.signal.reason;
  const response = await handler?.(request.clone());
  if (response) return response;
  try {
    return await globalThis.fetch(request);
  } catch (cause) {
    if (request.signal.aborted) throw request.signal.reason;
    const { hint } = refusalOf('network_error');
    throw failure('network_error', 'browser', `no response from ${request.url.split('?')[0]}`, hint, true, cause);
  }
}

/** @param {NonNullable<Options['api']>} api @param {string} url */
const isListed = (api, url) =>
  api.some((entry) => {
    const { href } = new URL(typeof entry === 'string' ? entry : entry.url, globalThis.location?.href);
    return url.startsWith(href) || url.split('?')[0] === href.replace(/\/$/, '');
  });

/** @param {RequestInfo | URL} input @param {RequestInit} [init] */
function requestOf(input, init) {
  try {
    return new Request(input instanceof Request ? input : new URL(`${input}`, globalThis.location?.href), init);
  } catch (cause) {
    const message = 'the call was not sent: the browser refuses it';
    throw failure('request_blocked', 'app', message, 'Check its URL and options.', false, cause);
  }
}
