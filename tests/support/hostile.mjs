/**
 * A provider on loopback that is correct except for one change at a time, and an API beside it.
 *
 * It asks the user nothing: a request to `/authorize` is redirected back at once. A test can change one of its
 * responses for a case; the provider records each request completely.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { Issued } from './issued.mjs';
import { bodyOf, close, listen, portNear, serverOf } from './loopback.mjs';

/**
 * The change. Members that are `undefined` are left out; a string is sent unchanged.
 *
 * @typedef {object} Change
 * @property {(metadata: Record<string, unknown>) => unknown} [metadata]
 * @property {(query: string, issuer: string) => string} [callback] rewrites the query of the redirect back
 * @property {(answer: Record<string, unknown>) => unknown} [token] the token response to a code
 * @property {(answer: Record<string, unknown>) => unknown} [refresh] the token response to a refresh token
 * @property {(claims: Record<string, unknown>, answer: Record<string, unknown>) => unknown} [claims] of the ID Token of
 *   a sign-in, with the rest of the token response
 * @property {(claims: Record<string, unknown>) => unknown} [refreshedClaims] of the ID Token of a refresh, which is
 *   left out by default
 * @property {(claims: Record<string, unknown>, token: string) => unknown} [userinfo] of the UserInfo response for a
 *   token
 * @property {(header: Record<string, unknown>) => unknown} [header] of an ID Token
 * @property {Signer} [key] signs ID Tokens instead of the provider's own key
 * @property {(keys: Record<string, unknown>[]) => unknown[]} [keys] the keys that the provider publishes
 * @property {Record<string, Instead>} [instead] responds to a path or `refresh` instead of the provider
 */

/** @typedef {(response: import('node:http').ServerResponse, tell: () => Promise<void>) => unknown} Instead */

/**
 * The signature members of a header, and the function that signs.
 *
 * @typedef {{ alg: string, kid: string, sign: (signed: string) => Uint8Array }} Signer
 */

/**
 * @param {object} options
 * @param {string} [options.host]
 * @param {string[]} options.origins the pages that may call
 */
export async function startHostile({ host = 'localhost', origins }) {
  const port = await portNear();
  const issuer = `http://${host}:${port}`;
  const keys = { RS256: signingKey('RS256', 'r1'), ES256: signingKey('ES256', 'e1') };
  const issued = new Issued();
  const codes = new Map();
  const refreshTokens = new Map();
  /** The user of each valid access token. */
  const good = new Map();

  const provider = {
    issuer,
    issued,
    /** Every request: `{ method, path, query, headers, form, place }`, without preflights. */
    requests: [],
    /** @type {Change} */
    change: {},
    user: 'alice',
    keys,
    /** How many requests reached a path, or `refresh`. */
    count: (place) => provider.requests.filter((one) => one.place === place).length,
    /** The last request that reached a path, or `refresh`. */
    last: (place) => provider.requests.findLast((one) => one.place === place),
    close: () => close(server),
  };

  const metadata = () => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    userinfo_endpoint: `${issuer}/userinfo`,
    revocation_endpoint: `${issuer}/revoke`,
    authorization_response_iss_parameter_supported: true,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', 'ES256'],
    code_challenge_methods_supported: ['S256'],
  });

  /** RFC 6749 §4.1.2: redirects back to the app with a code. */
  function authorize(response, query) {
    const {
      state,
      nonce,
      redirect_uri: redirectUri,
      client_id: clientId,
      code_challenge: challenge,
    } = Object.fromEntries(query);
    const code = secret('code');
    codes.set(code, { nonce, redirectUri, clientId, challenge, user: provider.user });
    issued.codes.add(code);
    issued.states.add(state);
    const honest = new URLSearchParams({ code, state });
    const promised = said(provider.change.metadata, metadata()).authorization_response_iss_parameter_supported;
    if (promised) honest.set('iss', issuer);
    const { callback = (text) => text } = provider.change;
    const begun = redirectUri.includes('?') ? '&' : '?';
    response.writeHead(302, { location: `${redirectUri}${begun}${callback(String(honest), issuer)}` }).end();
  }

  /** RFC 6749 §4.1.3 and §6, RFC 7636 §4.6, strictly. */
  function token(response, form) {
    if (form.grant_type === 'refresh_token') {
      const kept = refreshTokens.get(form.refresh_token);
      if (!kept || kept.clientId !== form.client_id) return refuse(response);
      if (kept.used) return (kept.family.forEach((one) => refreshTokens.delete(one)), refuse(response)); // reuse
      const answer = issue(kept);
      const { refreshedClaims } = provider.change;
      if (refreshedClaims) answer.id_token = idToken({ ...kept, nonce: undefined }, answer, refreshedClaims);
      const changed = said(provider.change.refresh, answer);
      kept.used = changed.refresh_token !== undefined;
      return json(response, 200, changed);
    }
    const kept = codes.get(form.code);
    codes.delete(form.code);
    const challenge = createHash('sha256')
      .update(form.code_verifier ?? '')
      .digest('base64url');
    if (
      !kept ||
      kept.challenge !== challenge ||
      kept.redirectUri !== form.redirect_uri ||
      kept.clientId !== form.client_id
    )
      return refuse(response);
    const answer = issue({ ...kept, family: [] });
    if (kept.nonce) answer.id_token = idToken(kept, answer, provider.change.claims);
    return json(response, 200, said(provider.change.token, answer));
  }

  function issue(kept) {
    const [access, refresh] = [secret('access'), secret('refresh')];
    good.set(access, kept.user);
    kept.family.push(refresh);
    refreshTokens.set(refresh, { ...kept, used: false });
    issued.accessTokens.add(access);
    issued.refreshTokens.add(refresh);
    return { access_token: access, token_type: 'Bearer', expires_in: 600, refresh_token: refresh };
  }

  function idToken({ nonce, clientId, user }, answer, change) {
    const { access_token: access } = answer;
    const now = Math.floor(Date.now() / 1000);
    const hash = createHash('sha256').update(access).digest().subarray(0, 16).toString('base64url');
    const claims = { iss: issuer, aud: clientId, sub: user, exp: now + 600, iat: now, nonce, at_hash: hash };
    const { key = keys.RS256, header } = provider.change;
    const jwt = compact(key, said(header, { alg: key.alg, kid: key.kid }), said(change, claims, answer));
    issued.idTokens.add(jwt);
    return jwt;
  }

  function api(response, headers, say) {
    const [, shown] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
    if (good.has(shown)) return json(response, 200, say(shown));
    response.setHeader('www-authenticate', 'Bearer error="invalid_token"');
    return json(response, 401, {});
  }

  const routes = {
    '/.well-known/openid-configuration': (response) => json(response, 200, said(provider.change.metadata, metadata())),
    '/authorize': (response, { query }) => authorize(response, query),
    '/token': (response, { form }) => token(response, form),
    '/jwks': (response) =>
      json(response, 200, {
        keys: said(
          provider.change.keys,
          Object.values(keys).map(({ jwk }) => jwk),
        ),
      }),
    '/revoke': (response) => json(response, 200, {}),
    '/userinfo': (response, { headers }) =>
      api(response, headers, (token) => said(provider.change.userinfo, { sub: good.get(token) }, token)),
    '/api/me': (response, { headers }) => api(response, headers, () => ({ ok: true })),
  };

  const server = serverOf(async (request, response) => {
    const { method, headers } = request;
    const { pathname, searchParams: query } = new URL(request.url, issuer);
    const path = pathname.replace(/^\/api\/\d+\//, '/api/'); // each client has its own API
    if (origins.includes(headers.origin)) allow(response, headers.origin);
    if (method === 'OPTIONS') return response.writeHead(204).end();
    const body = await bodyOf(request, 10_000_000);
    const form = Object.fromEntries(new URLSearchParams(body));
    const place = form.grant_type === 'refresh_token' ? 'refresh' : path;
    const asked = { method, path, query, headers, body, form, place };
    provider.requests.push(asked);
    if (form.code_verifier) issued.verifiers.add(form.code_verifier);
    const truth = async () =>
      Object.hasOwn(routes, path) ? routes[path](response, asked) : response.writeHead(404).end();
    const instead = provider.change.instead?.[place];
    return instead ? instead(response, truth) : truth();
  });
  await listen(server, port);
  return provider;
}

/** Responses that replace the provider's own. */
export const answers = {
  /** @returns {Instead} */
  status:
    (status, body = '', type = 'application/json', headers = {}) =>
    (response) => {
      response.writeHead(status, { 'content-type': type, ...headers }).end(body);
    },
  /** A redirect that a page may read. @returns {Instead} */
  redirect: (status, location) => (response) => response.writeHead(status, { location }).end(),
  /** Closes the connection. @returns {Instead} */
  drop: (response) => response.socket.destroy(),
  /** The server processes the request, and closes the connection instead of sending the response. @returns {Instead} */
  lose: async (response, tell) => {
    response.end = () => (response.socket.destroy(), response);
    response.writeHead = () => response;
    await tell();
  },
  /** Never responds. @returns {Instead} */
  silence: () => {},
  /** Sends one byte at a time, without an end. @returns {Instead} */
  trickle: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 100);
    response.on('close', () => clearInterval(timer));
  },
  /** Sends less than was announced. @returns {Instead} */
  short: (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
    response.write(`{"access_token":"${'a'.repeat(100)}`, () => response.socket.destroy());
  },
  /** The provider's own response, delayed until the test releases it. */
  held: () => {
    let release;
    const gate = new Promise((done) => (release = done));
    return { /** @type {Instead} */ instead: (response, tell) => gate.then(tell), release: () => release() };
  },
  /** The provider's own response, which a browser may store. @returns {Instead} */
  stored: (response, tell) => {
    const { writeHead } = response;
    response.writeHead = (status, headers) =>
      writeHead.call(response, status, { ...headers, 'cache-control': 'max-age=600' });
    return tell();
  },
  /** The provider's own response without the headers that let a page read it. @returns {Instead} */
  closed: (response, tell) => {
    response.removeHeader('access-control-allow-origin');
    return tell();
  },
};

function said(change, honest, ...beside) {
  return change ? change(honest, ...beside) : honest;
}

function refuse(response) {
  return json(response, 400, { error: 'invalid_grant' });
}

function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(typeof value === 'string' ? value : JSON.stringify(value));
}

function allow(response, origin) {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-headers', 'authorization, content-type');
  response.setHeader('access-control-allow-methods', 'GET, POST');
  response.setHeader('access-control-expose-headers', 'www-authenticate, retry-after');
  response.setHeader('vary', 'origin');
}

/** Contains characters that a URL or a JSON string may escape. */
function secret(kind) {
  return `${kind}+/~${randomBytes(24).toString('base64url')}=`;
}

/** RFC 7515 §7.1. @param {Signer} key */
function compact(key, ...parts) {
  const texts = parts.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  const signed = texts.map((text) => Buffer.from(text).toString('base64url')).join('.');
  return `${signed}.${Buffer.from(key.sign(signed)).toString('base64url')}`;
}

const CURVES = { ES256: 'P-256', ES384: 'P-384' };

/** Generated at each start, because a key in a repository is not secret. */
export function signingKey(alg, kid, { modulusLength = 2048 } = {}) {
  const namedCurve = CURVES[alg];
  const { privateKey, publicKey } = namedCurve
    ? generateKeyPairSync('ec', { namedCurve })
    : generateKeyPairSync('rsa', { modulusLength });
  const hash = `sha${alg.slice(2)}`;
  return {
    alg,
    kid,
    privateKey,
    publicKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    sign: (signed) => sign(hash, Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  };
}
