/**
 * A small resource API for the tests and the demo: the user, photos and notes.
 *
 * It takes tokens that are bound to a key (RFC 9449) with a proof, and other tokens without one.
 *
 * It introspects each token at the provider and refuses as RFC 6750 §3 says, with a challenge that pages can read. It
 * echoes no part of a request: an API that sends headers back would reveal the token to the page.
 */
import { randomUUID } from 'node:crypto';
import { bodyOf, close, listen, pathOf, portNear, record, serverOf } from './loopback.mjs';
import { photos } from './photos.mjs';
import { claimsOf, flawOf } from './proofs.mjs';

/** The resources, and the scope that each needs. */
const ROUTES = {
  'GET /me': { answer: ({ token }) => ({ user: token.sub, client: token.client_id, scope: token.scope }) },
  'GET /photos': { scope: 'photos', answer: ({ token }) => ({ photos: photos(token.sub) }) },
  'GET /notes': { scope: 'notes:read', answer: ({ notes }) => ({ notes }) },
  'POST /notes': { scope: 'notes:write', status: 201, answer: write },
  'DELETE /notes': { scope: 'notes:write', status: 204, answer: ({ notes }) => void notes.splice(0) },
  'GET /ticks': { endless: true },
};

/** @typedef {{ sub: string, client_id?: string, scope?: string }} Token the provider's introspection response */

/**
 * @param {object} options
 * @param {number} [options.port]
 * @param {{ introspect: (token: string) => Promise<Token | null> }} options.provider
 * @param {string[]} options.origins the pages that may call this API
 */
export async function startApi({ port = 0, provider, origins }) {
  port ||= await portNear();
  const requests = [];
  const notesOf = new Map();
  const distrusted = new Set();
  let ticks = 0;
  const redirects = new Map();
  /**
   * The nonce that proofs need; empty for none. `exposes`: whether pages can read it. `demand` says what a token lacks
   * (RFC 9470 §3), as the attributes of a challenge. `audienceOf` says for which audience the token of a path has to be.
   */
  const settings = { nonce: '', exposes: true, demand: undefined, audienceOf: () => undefined };
  const seen = new Set();
  /** What the proofs of all requests claim. */
  const proofs = [];

  const server = serverOf(async (request, response) => {
    record(requests, request, response);
    if (origins.includes(request.headers.origin)) allow(request, response);
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    // A text without a dot is no JWT: the doctor sends one.
    if (request.headers.dpop?.includes('.')) proofs.push({ method: request.method, ...claimsOf(request) });

    if (redirects.has(pathOf(request)))
      return response.writeHead(302, { location: redirects.get(pathOf(request)) }).end();
    const route = ROUTES[`${request.method} ${pathOf(request)}`];
    if (!route) return send(response, 404, { error: 'not_found' });

    const credentials = request.headers.authorization;
    if (!credentials) return challenge(response, 401, {}, 'This needs an access token.');
    const [, scheme, shown] = /^(Bearer|DPoP) ([\w.~+/-]+=*)$/i.exec(credentials) ?? [];
    const token = shown && (await provider.introspect(shown));
    const key = token?.cnf?.jkt;
    if (scheme === 'DPoP' || key) {
      if (settings.exposes) response.setHeader('access-control-expose-headers', 'www-authenticate, dpop-nonce');
      if (settings.nonce) response.setHeader('dpop-nonce', settings.nonce);
      const { nonce } = settings;
      const flaw = await flawOf(request, { token: shown, key, nonce, seen, at: `http://${request.headers.host}` });
      if (flaw) return challenge(response, 401, { error: flaw }, 'This proof is not acceptable.', 'DPoP');
    }
    const audience = settings.audienceOf(pathOf(request));
    if (!token || distrusted.has(shown) || token.aud !== (audience ?? token.aud))
      return challenge(
        response,
        401,
        { error: 'invalid_token' },
        'This access token is over, or not from our provider.',
      );
    const asked = settings.demand?.(shown);
    if (asked) return challenge(response, 401, asked, 'This needs another login.', scheme);
    if (route.scope && !(token.scope ?? '').split(' ').includes(route.scope)) {
      return challenge(
        response,
        403,
        { error: 'insufficient_scope', scope: route.scope },
        `This needs the scope ${route.scope}.`,
        scheme,
      );
    }

    if (route.endless) return tick(response, linesWanted(request), (count) => (ticks = count));
    if (!notesOf.has(token.sub)) notesOf.set(token.sub, [{ text: 'Buy a spare key.', at: new Date().toISOString() }]);
    try {
      const body = await bodyOf(request);
      send(response, route.status ?? 200, route.answer({ token, body, notes: notesOf.get(token.sub) }));
    } catch (error) {
      send(response, 400, { error: 'invalid_request', message: error.message });
    }
  });
  await listen(server, port);

  return {
    url: `http://localhost:${port}/`,
    requests,
    /** From now on this API refuses the token, even if it is valid. */
    distrust: (token) => distrusted.add(token),
    settings,
    proofs,
    /** The API demands a new nonce from now on. */
    renewNonce: () => (settings.nonce = randomUUID()),
    /** From now on the API redirects this path. */
    redirect: (path, location) => redirects.set(path, location),
    /** How many lines the last call of `/ticks` got; the API sends lines until the client disconnects. */
    ticks: () => ticks,
    /** The statuses of all calls so far, without preflights. */
    statuses: () => requests.filter(({ method }) => method !== 'OPTIONS').map(({ status }) => status),
    server,
    close: () => close(server),
  };
}

function write({ body, notes }) {
  const { text } = JSON.parse(body);
  if (typeof text !== 'string' || !text.trim()) throw new TypeError('a note needs a text');
  const note = { text: text.slice(0, 500), at: new Date().toISOString() };
  notes.push(note);
  return { note, count: notes.length };
}

/** `?lines=10` ends the otherwise endless response. */
function linesWanted(request) {
  return Number(new URL(request.url, 'http://loopback').searchParams.get('lines') ?? Infinity);
}

/** Writes lines until there are enough, or until the client disconnects. */
function tick(response, wanted, count) {
  let lines = 0;
  response.writeHead(200, { 'content-type': 'text/plain' });
  const timer = setInterval(() => {
    response.write(`line ${++lines}\n`);
    count(lines);
    if (lines === wanted) response.end();
  }, 50);
  response.on('close', () => clearInterval(timer));
}

function allow({ headers }, response) {
  response.setHeader('access-control-allow-origin', headers.origin);
  response.setHeader('access-control-allow-methods', headers['access-control-request-method'] ?? 'GET');
  response.setHeader('access-control-allow-headers', 'authorization, content-type, dpop');
  response.setHeader('access-control-expose-headers', 'www-authenticate');
  response.setHeader('access-control-max-age', '600');
  response.setHeader('vary', 'origin');
}

/**
 * Refuses, with the reason in the header that clients read (RFC 6750 §3). A request without a token gets no error code.
 */
function challenge(response, status, attributes, message, scheme = 'Bearer') {
  const pairs = Object.entries(attributes).map(([name, value]) => `${name}="${value}"`);
  response.setHeader('www-authenticate', [scheme, pairs.join(', ')].filter(Boolean).join(' '));
  send(response, status, { ...attributes, message });
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
