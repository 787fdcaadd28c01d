/** The forms of the test provider's responses: JSON, errors (RFC 6749 §5.2), redirects, pages, and the headers of CORS. */

/** @param {unknown} body @param {number} [status] @param {Record<string, string>} [headers] */
export const json = (body, status = 200, headers = {}) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  });

/** @param {string} error @param {string} description @param {number} [status] @param {Record<string, string>} [headers] */
export const refusal = (error, description, status = 400, headers = {}) =>
  json({ error, error_description: description }, status, headers);

/** @param {string} location @param {Record<string, string>} [headers] */
export const redirect = (location, headers = {}) =>
  new Response(null, { status: 303, headers: { location, 'cache-control': 'no-store', ...headers } });

/** @param {Request} request @param {Response} response to a page of another origin, which may read it */
export function withCors(request, response) {
  const origin = /** @type {string} */ (request.headers.get('origin'));
  const headers = new Headers(response.headers);
  headers.set('access-control-allow-origin', origin);
  headers.set('access-control-allow-methods', request.headers.get('access-control-request-method') ?? 'GET, POST');
  headers.set('access-control-allow-headers', request.headers.get('access-control-request-headers') ?? 'authorization');
  headers.set('access-control-expose-headers', 'www-authenticate, retry-after');
  headers.append('vary', 'origin');
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

/** A refusal of a token (RFC 6750 §3). @param {Record<string, string>} attributes */
export const challenge = (attributes, status = 401) => {
  const pairs = Object.entries(attributes).map(([name, value]) => `${name}="${value}"`);
  return json(attributes, status, { 'www-authenticate': ['Bearer', pairs.join(', ')].filter(Boolean).join(' ') });
};

/** Whether a URL is one of this machine. @param {string} url */
export function isLoopback(url) {
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' };
  return /^https?:$/.test(protocol) && isLoopbackHost(hostname);
}

/** @param {string} hostname */
export const isLoopbackHost = (hostname) => /^(([\w-]+\.)*localhost|127(\.\d+){3}|\[?::1\]?)$/.test(hostname);
