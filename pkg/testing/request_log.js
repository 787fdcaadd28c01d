/** What the test provider records of a request. */

/** @typedef {import('./index.d.ts').Endpoint} Endpoint */

/**
 * What a test may want to know of a request. None of it is a secret.
 * @param {Request} request @param {Endpoint | undefined} endpoint
 */
export async function described(request, endpoint) {
  if (endpoint === 'api' || request.method === 'OPTIONS') return {};
  const isForm = request.method === 'POST' && /urlencoded/.test(request.headers.get('content-type') ?? '');
  const given = isForm ? new URLSearchParams(await request.clone().text()) : new URL(request.url).searchParams;
  const text = (/** @type {string} */ name) => given.get(name) ?? undefined;
  const members = {
    grantType: text('grant_type'),
    clientId: text('client_id'),
    scope: text('scope'),
    prompt: text('prompt'),
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
