/**
 * How Node.js asks a server in the place of a page: with the page's `Origin`, and with the preflights that a browser would send. Unlike a
 * page, it sees all headers, so it can name the one that is missing (Fetch §3.3).
 */

/** @typedef {import('../doctor/provider.js').Question} Question */
/** @typedef {import('../doctor/provider.js').Answer} Answer */

/** The response headers that pages can read in any case. */
const SAFE = [
  'cache-control',
  'content-language',
  'content-length',
  'content-type',
  'expires',
  'last-modified',
  'pragma',
];

const itemsOf = (/** @type {string | null} */ value) =>
  (value ?? '')
    .toLowerCase()
    .split(',')
    .map((item) => item.trim());

/** What is wrong with the header that names the origin; empty if nothing is. @param {Response} response @param {string} origin */
function flawOfOrigin(response, origin) {
  const allowed = response.headers.get('access-control-allow-origin');
  if (allowed === origin || allowed === '*') return '';
  return allowed === null
    ? `\`Access-Control-Allow-Origin: ${origin}\` is missing`
    : `\`Access-Control-Allow-Origin\` is ${allowed} instead of ${origin}`;
}

/** What is wrong with the response to a preflight. @param {Response} response @param {string} origin @param {string[]} names */
function flawOfPreflight(response, origin, names) {
  if (!response.ok) return `\`OPTIONS\` is answered with status ${response.status}`;
  const flaw = flawOfOrigin(response, origin);
  if (flaw) return `${flaw} in the response to \`OPTIONS\``;
  const allowed = itemsOf(response.headers.get('access-control-allow-headers'));
  // A star allows every header but this one.
  const missing = names.filter(
    (name) => !allowed.includes(name) && (name === 'authorization' || !allowed.includes('*')),
  );
  return missing.length ? `\`Access-Control-Allow-Headers: ${missing.join(', ')}\` is missing` : '';
}

/** Why there is no response, as far as the system says. @param {any} error */
function reasonOf(error) {
  if (error?.name === 'TimeoutError') return 'no answer in time';
  const { code, message } = error?.cause ?? {};
  return (
    [code, message].filter((part, index, all) => part && !all[index - 1]?.includes(part)).join(', ') ||
    `${error?.message}`
  );
}

/** @param {string} origin of the page @param {number} timeout in milliseconds @returns {import('../doctor/provider.js').Ask} */
export const askerFrom = (origin, timeout) => async (question) => {
  const { url, method, headers = {}, body } = question;
  const send = (/** @type {RequestInit} */ init) =>
    fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeout), ...init });
  const names = Object.keys(headers);
  try {
    if (names.length) {
      const asked = {
        'access-control-request-method': method,
        'access-control-request-headers': names.sort().join(','),
      };
      const flaw = flawOfPreflight(await send({ method: 'OPTIONS', headers: { origin, ...asked } }), origin, names);
      if (flaw) return { outcome: 'preflight', detail: flaw };
    }
    const form = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const response = await send({ method, body, headers: { accept: 'application/json', origin, ...form, ...headers } });
    const { status } = response;
    const text = await response.text();
    if (status >= 300 && status < 400)
      return { outcome: 'redirect', to: new URL(response.headers.get('location') ?? '', url).href };
    const flaw = flawOfOrigin(response, origin);
    if (flaw) return { outcome: 'cors', detail: flaw, status };
    const listed = itemsOf(response.headers.get('access-control-expose-headers'));
    const isExposed = (/** @type {string} */ name) =>
      SAFE.includes(name) || listed.includes(name) || listed.includes('*');
    return { outcome: 'read', status, text, header: (name) => response.headers.get(name), isExposed };
  } catch (error) {
    return { outcome: 'unreachable', detail: reasonOf(error) };
  }
};
