/** Angular's `HttpClient` with a client's `fetch`. `angular-http.d.ts` documents the public API. */

import { HttpErrorResponse, HttpHeaders, HttpResponse } from '@angular/common/http';
import { Observable } from 'rxjs';
import { injectClient } from './angular.js';
import { isServer } from './session.js';

/** @type {typeof import('./angular-http.d.ts').apiInterceptor} */
export const apiInterceptor = (urls) => (request, next) => {
  const { fetch } = injectClient();
  const absolute = (/** @type {string} */ url) => new URL(url, document.baseURI).href;
  const isListed = (/** @type {string} */ url) => absolute(request.urlWithParams).startsWith(absolute(url));
  if (isServer || !urls.some(isListed)) return next(request);
  return new Observable((observer) => {
    const abort = new AbortController();
    send(request, fetch, abort.signal)
      .then((response) => observer.next(response))
      .then(
        () => observer.complete(),
        (error) => observer.error(error),
      );
    return () => abort.abort();
  });
};

/**
 * @param {import('@angular/common/http').HttpRequest<unknown>} request
 * @param {typeof globalThis.fetch} fetch
 * @param {AbortSignal} signal
 */
async function send(request, fetch, signal) {
  const { method, urlWithParams: url, responseType } = request;
  const headers = new Headers();
  const type = request.detectContentTypeHeader();
  if (type) headers.set('content-type', type);
  for (const name of request.headers.keys()) headers.set(name, `${request.headers.getAll(name)}`);
  /** @type {any} */
  let known = { url };
  /** @type {any} */
  let body;
  try {
    const sent = /** @type {any} */ (request.serializeBody());
    const response = await fetch(url, { method, headers, signal, body: sent });
    known = {
      url,
      status: response.status,
      statusText: response.statusText,
      headers: new HttpHeaders(response.headers),
    };
    body = await response[responseType === 'arraybuffer' ? 'arrayBuffer' : responseType === 'blob' ? 'blob' : 'text']();
    if (responseType === 'json') body = body ? JSON.parse(body) : null;
    if (response.ok) return new HttpResponse({ ...known, body });
  } catch (error) {
    // An error page need not be JSON: its text is the better error.
    if (!body || known.status < 300) body = error;
  }
  throw new HttpErrorResponse({ ...known, error: body });
}
