/** The testing kit without a browser: what the provider refuses, and where the errors of the client come from. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request as send } from 'node:http';
import { test } from 'node:test';
import { createTestProvider, insufficientScope, signedIn, signedOut } from '../../pkg/testing/index.js';
import { startTestProvider } from '../../pkg/testing/node.js';

const ISSUER = 'https://id.example.com';
const APP = 'http://localhost:3000/';
const VERIFIER = 'a-verifier-of-at-least-43-characters-as-rfc-7636-demands';
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

const made = (options) =>
  createTestProvider({ issuer: ISSUER, users: [{ sub: 'alice', name: 'Alice', email: 'a@example.com' }], ...options });

const QUERY = {
  client_id: 'spa',
  redirect_uri: APP,
  response_type: 'code',
  scope: 'openid',
  state: 's',
  code_challenge: CHALLENGE,
  code_challenge_method: 'S256',
};

/** The authorization response to a request: the parameters in the redirect, or the status of a page. */
async function authorize(provider, changed = {}) {
  const query = new URLSearchParams(
    Object.entries({ ...QUERY, ...changed }).filter(([, value]) => value !== undefined),
  );
  const response = await provider.fetch(new Request(`${ISSUER}/authorize?${query}`));
  const location = response.headers.get('location');
  return location ? Object.fromEntries(new URL(location).searchParams) : response.status;
}

/** The response of an endpoint to a form. */
async function post(provider, path, form) {
  const response = await provider.fetch(
    new Request(ISSUER + path, { method: 'POST', body: new URLSearchParams(form) }),
  );
  return { status: response.status, ...(await response.json().catch(() => ({}))) };
}

const redeem = (provider, code, changed) =>
  post(provider, '/token', {
    grant_type: 'authorization_code',
    code,
    client_id: 'spa',
    redirect_uri: APP,
    code_verifier: VERIFIER,
    ...changed,
  });

const renew = (provider, token, changed) =>
  post(provider, '/token', { grant_type: 'refresh_token', refresh_token: token, client_id: 'spa', ...changed });

const signIn = async (provider, changed) => redeem(provider, (await authorize(provider, changed)).code);

test('an authorization request gets a code, or the error that the specification names', async () => {
  const rows = [
    ['an honest request', {}, undefined],
    ['without PKCE', { code_challenge: undefined }, 'invalid_request'],
    ['with the method plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['for a token', { response_type: 'token' }, 'unsupported_response_type'],
    ['with a request object', { request: 'e30.e30.' }, 'request_not_supported'],
    ['with `prompt=none login`', { prompt: 'none login' }, 'invalid_request'],
    ['without a client', { client_id: '' }, 400],
    ['for a page that is not on this machine', { redirect_uri: 'https://app.example.net/' }, 400],
    ['for a script', { redirect_uri: 'javascript:alert(1)' }, 400],
  ];
  for (const [label, changed, expected] of rows) {
    const got = await authorize(made(), changed);
    assert.equal(typeof expected === 'number' ? got : got.error, expected, label);
    if (typeof expected !== 'number') assert.deepEqual([got.state, got.iss], ['s', ISSUER], label);
  }
  assert.equal((await authorize(made(), { prompt: 'none' })).error, 'login_required');
  assert.equal(await authorize(made({ clientIds: ['other'] })), 400);
  assert.equal(await authorize(made({ redirectUris: [`${APP}callback`] })), 400);
  assert.ok((await authorize(made({ redirectUris: [APP] }))).code);
});

test('a code is good once, for its client, its page and its verifier, and for a minute', async () => {
  const rows = [
    ['another client', { client_id: 'other' }],
    ['another page', { redirect_uri: `${APP}other` }],
    ['another verifier', { code_verifier: `${VERIFIER}x` }],
    ['no verifier', { code_verifier: '' }],
  ];
  for (const [label, changed] of rows) {
    const provider = made();
    assert.equal((await redeem(provider, (await authorize(provider)).code, changed)).error, 'invalid_grant', label);
  }
  const provider = made();
  const { code } = await authorize(provider);
  const { access_token: token, status } = await redeem(provider, code);
  assert.equal(status, 200);
  assert.equal(provider.introspect(token).sub, 'alice');
  assert.equal((await redeem(provider, code)).error, 'invalid_grant');
  assert.equal(provider.introspect(token), null, 'RFC 6749 §4.1.2: the second attempt has ended the grant');
  const late = (await authorize(provider)).code;
  provider.advance(61);
  assert.equal((await redeem(provider, late)).error, 'invalid_grant');
});

test('a refresh token is good once, and its reuse ends the grant', async () => {
  const provider = made();
  const first = await signIn(provider, { scope: 'openid email' });
  assert.equal((await renew(provider, first.refresh_token, { scope: 'openid photos' })).error, 'invalid_scope');
  const { refresh_token: next } = await signIn(provider, { scope: 'openid email' });
  const second = await renew(provider, next, { scope: 'openid' });
  assert.deepEqual([second.status, second.scope], [200, 'openid']);
  assert.equal((await renew(provider, next)).error, 'invalid_grant');
  assert.equal((await renew(provider, second.refresh_token)).error, 'invalid_grant', 'RFC 9700 §4.14.2');
  const { refresh_token: revoked } = await signIn(provider);
  await post(provider, '/revoke', { token: revoked });
  assert.equal((await renew(provider, revoked)).error, 'invalid_grant');
  const without = await signIn(made({ refreshTokens: false }));
  assert.deepEqual([without.status, without.refresh_token], [200, undefined]);
});

test('an ID Token has the claims of the scope, and a signature that verifies with the published key', async () => {
  const provider = made();
  const claimsOf = async (token) => {
    const [header, payload, signature] = token.split('.');
    const bytes = (text) => Buffer.from(text, 'base64url');
    const { keys } = await (await provider.fetch(new Request(`${ISSUER}/jwks`))).json();
    const jwk = keys.find(({ kid }) => kid === JSON.parse(bytes(header)).kid);
    const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
    const signed = Buffer.from(`${header}.${payload}`);
    assert.ok(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes(signature), signed));
    return JSON.parse(bytes(payload));
  };
  const { id_token: first } = await signIn(provider, { scope: 'openid profile', nonce: 'n', acr_values: 'mfa pwd' });
  const { iss, sub, aud, nonce, acr, name, email } = await claimsOf(first);
  assert.deepEqual(
    { iss, sub, aud, nonce, acr, name, email },
    { iss: ISSUER, sub: 'alice', aud: 'spa', nonce: 'n', acr: 'mfa', name: 'Alice', email: undefined },
  );
  await provider.rotateKeys();
  const { id_token: second } = await signIn(provider, { scope: 'openid', claims: '{"id_token":{"email":null}}' });
  assert.equal((await claimsOf(second)).email, 'a@example.com');
  await claimsOf(first);
  await provider.rotateKeys({ keepOld: false });
  await assert.rejects(claimsOf(first));
});

test('the API refuses what is not a valid token, and pages of this machine can read why', async () => {
  const provider = made({ origins: ['https://app.example.com'] });
  const api = provider.api((request, { scope }) =>
    scope.includes('photos') ? Response.json([]) : insufficientScope('photos'),
  );
  const call = async (token, origin = 'http://localhost:3000') => {
    const headers = { origin, ...(token && { authorization: `Bearer ${token}` }) };
    const response = await api(new Request('https://api.example.com/photos', { headers }));
    return [
      response.status,
      response.headers.get('www-authenticate'),
      response.headers.get('access-control-allow-origin'),
    ];
  };
  assert.deepEqual(await call(), [401, 'Bearer', 'http://localhost:3000']);
  assert.match((await call('nonsense'))[1], /error="invalid_token"/);
  const small = await provider.accessToken('alice');
  assert.deepEqual(await call(small), [
    403,
    'Bearer error="insufficient_scope", scope="photos"',
    'http://localhost:3000',
  ]);
  const large = await provider.accessToken('alice', { scope: 'photos' });
  assert.deepEqual(await call(large, 'https://app.example.com'), [200, null, 'https://app.example.com']);
  assert.deepEqual(await call(large, 'https://attacker.example'), [200, null, null]);
  provider.advance(provider.settings.accessTokenSeconds);
  assert.equal((await call(large))[0], 401);
});

test('the provider listens on this machine only, and serves no other host name', async () => {
  for (const host of ['0.0.0.0', '::', '192.168.0.1', 'example.com', 'localhost.example.com', '127.0.0.1.example.com'])
    await assert.rejects(
      startTestProvider({ users: ['alice'], host }),
      ({ code, hint }) => code === 'config_error' && /password/.test(hint),
      host,
    );
  const provider = await startTestProvider({ users: ['alice'] });
  try {
    const { port } = new URL(provider.issuer);
    const statusFor = (host) =>
      new Promise((done, fail) =>
        send({ host: '127.0.0.1', port, path: '/jwks', headers: { host } }, ({ statusCode }) => done(statusCode))
          .on('error', fail)
          .end(),
      );
    assert.equal(await statusFor(`localhost:${port}`), 200);
    assert.equal(await statusFor('attacker.example'), 421);
    provider.fail('jwks', { network: true });
    await assert.rejects(fetch(`${provider.issuer}/jwks`));
    assert.equal((await fetch(`${provider.issuer}/jwks`)).status, 200);
  } finally {
    await provider.close();
  }
});

test('wrong options and names are named', async () => {
  const refused = (act, pattern) =>
    assert.throws(
      act,
      ({ name, code, message }) => name === 'ValetKeyError' && code === 'config_error' && pattern.test(message),
    );
  refused(() => made({ users: [] }), /users/);
  refused(() => made({ users: ['alice', 'alice'] }), /users/);
  refused(() => made({ issuer: 'id.example.com' }), /issuer/);
  refused(() => made().signInNext('carol'), /carol/);
  refused(() => made().fail('tokens', {}), /tokens/);
  refused(() => made().advance(-1), /advance/);
  refused(() => signedIn().fail('odd'), /odd/);
  refused(() => signedOut().finishDevice(), /device/);
});

test('the client of the kit has every code of the package, and the hints of the real one', async () => {
  const types = await readFile(new URL('../../pkg/index.d.ts', import.meta.url), 'utf8');
  const codes = [...types.slice(types.indexOf('export type ErrorCode')).matchAll(/\| '(\w+)'/g)].map(
    ([, code]) => code,
  );
  const plain = (text) => text.replace(/\\\n\s*/g, '').replace(/\\(["'])/g, '$1');
  const files = [
    '../../src/protocol/error.rs',
    '../../src/protocol/dpop.rs',
    '../../pkg/trips.js',
    '../../pkg/index.js',
    '../../src/protocol/resource.rs',
  ];
  const sources = plain(
    (await Promise.all(files.map((file) => readFile(new URL(file, import.meta.url), 'utf8')))).join('\n'),
  );
  assert.ok(codes.length > 25);
  for (const code of codes) {
    const client = signedIn();
    client.fail(code);
    const error = await client.start().catch((thrown) => thrown);
    assert.equal(error.code, code);
    assert.ok(sources.includes(error.hint), `${code}: ${error.hint}`);
    assert.match(error.fault, /^(app|server|user|browser|library)$/);
  }
});

test('the client of the kit renews the session for a call that gets a 401, or ends it', async () => {
  const play = async (options) => {
    const told = [];
    const tries = [];
    const client = signedIn(
      {},
      { ...options, fetch: (request) => (tries.push(request.url), new Response(null, { status: 401 })) },
    );
    client.addEventListener('change', ({ reason }) => told.push(reason));
    assert.equal((await client.fetch('https://api.example.com/')).status, 401);
    return [tries.length, told, client.session !== null];
  };
  assert.deepEqual(await play({}), [2, ['renewed'], true]);
  assert.deepEqual(await play({ refreshTokens: false }), [1, ['expired'], false]);
});

test('a call of the kit’s client that is aborted rejects with the reason', async () => {
  const abort = new AbortController();
  const client = signedIn({}, { fetch: () => new Promise(() => {}) });
  const call = client.fetch('https://api.example.com/', { signal: abort.signal });
  const reason = new Error('not needed any more');
  abort.abort(reason);
  await assert.rejects(call, reason);
});

test('the client of the kit passes calls without a handler to the global `fetch`, without a token', async () => {
  const provider = await startTestProvider({ users: ['alice'] });
  try {
    const client = signedIn();
    assert.equal((await client.fetch(`${provider.apiUrl}me`)).status, 401);
    assert.ok(provider.requests.every(({ endpoint }) => endpoint === 'api'));
    provider.fail('api', { network: true });
    await assert.rejects(
      client.fetch(`${provider.apiUrl}me`),
      ({ code, fault }) => code === 'network_error' && fault === 'browser',
    );
  } finally {
    await provider.close();
  }
});

test('the client of the kit signs in in a popup, on another device, as itself, and later by `start()`', async () => {
  const client = signedOut();
  client.signInNext({ sub: 'bob', name: 'Bob' });
  assert.equal((await client.signIn({ mode: 'popup' })).claims.name, 'Bob');
  client.signInNext({ sub: 'carol' });
  const { userCode, session } = await client.signIn({ mode: 'device' });
  assert.match(userCode, /^[A-Z-]+$/);
  client.finishDevice();
  assert.equal((await session).sub, 'carol');
  assert.equal((await client.signIn({ mode: 'machine' })).sub, '');
  const fresh = signedIn({ sub: 'alice' }, { started: false });
  assert.equal(fresh.session, null);
  assert.equal((await fresh.start()).sub, 'alice');
});
