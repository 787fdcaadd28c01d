/** The relay of docs/relay, which adds the secret that some providers demand, and keeps it on the server. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { createRelay, listener } from '../../docs/relay/relay.mjs';
import { app } from '../support/app.mjs';
import { close, listen, portNear } from '../support/loopback.mjs';
import { RELAYED_CLIENT } from '../support/provider.mjs';
import { reachOf, search } from '../support/secrets.mjs';
import { story } from '../support/stage.mjs';

const ORIGIN = 'https://app.test';
const CANARY = 'c4n4ry/+2';

/** As JSON may spell a text (RFC 8259 §7). */
const escapedAs = (text) => [...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

story(
  'a page signs in, renews and signs out at a provider that demands a secret, which stays on the server',
  { scripts: app({ buttons: { Me: "client.fetch(config.api[0] + 'me')", Out: 'client.signOut()' } }) },
  async (stage) => {
    const { page, provider, site, api } = stage;
    const port = await portNear();
    const url = `http://localhost:${port}/relay/`;
    const { id: clientId, secret: clientSecret } = RELAYED_CLIENT;
    const relay = createRelay({ origin: site.origin, url, issuer: provider.issuer, clientId, clientSecret });
    const asked = [];
    const server = await listen(
      createServer(
        listener((request) => {
          asked.push(`${request.method} ${new URL(request.url).pathname}`);
          return relay(request);
        }),
      ),
      port,
    );
    try {
      const metadata = await (await fetch(`${url}metadata`, { headers: { origin: site.origin } })).json();
      assert.equal(metadata.issuer, provider.issuer);
      assert.equal(metadata.token_endpoint, `${url}token`);
      site.settings.connect.push(new URL(url).origin);
      site.settings.config = { ...site.settings.config, clientId, server: metadata };
      await stage.signInBriefly();
      await page.click('button', 'Me');
      await page.see('Told: 200');
      const places = await reachOf(stage.browser, site);
      assert.deepEqual(search([['client secret', clientSecret]], places), []);
      await page.click('button', 'Out');
      await page.find('heading', 'Sign out?');
      await page.until('a revocation', () => asked.includes('POST /relay/revoke'));
      await page.until('the end of the tokens', async () =>
        (await Promise.all([...provider.issued.accessTokens].map((token) => provider.introspect(token)))).every(
          (token) => token === null,
        ),
      );
      assert.equal(asked.filter((one) => one === 'POST /relay/token').length, 2, 'a code and a renewal');
      assert.ok(asked.includes('GET /relay/jwks'));
      assert.ok(api.requests.length > 0);
    } finally {
      await close(server);
    }
  },
);

/** A relay whose provider is a function, and what that was asked. */
function relayTo(answer = () => Response.json({ access_token: 'a', token_type: 'bearer' }), more = {}) {
  const sent = [];
  const relay = createRelay({
    origin: ORIGIN,
    url: 'https://relay.test/r/',
    clientId: 'web',
    clientSecret: CANARY,
    server: { token_endpoint: 'https://id.test/token', revocation_endpoint: 'https://id.test/revoke' },
    fetch: async (url, init) => {
      sent.push({ url, ...init, form: Object.fromEntries(init.body ?? []) });
      return answer();
    },
    ...more,
  });
  const ask = (path, fields, init = {}) =>
    relay(
      new Request(`https://relay.test/r/${path}`, {
        method: 'POST',
        headers: { origin: ORIGIN, 'content-type': 'application/x-www-form-urlencoded', ...init.headers },
        body: typeof fields === 'string' ? fields : `${new URLSearchParams(fields)}`,
      }),
    );
  return { relay, ask, sent };
}

const CODE = {
  grant_type: 'authorization_code',
  client_id: 'web',
  code: 'c',
  code_verifier: 'v',
  redirect_uri: `${ORIGIN}/callback`,
};

test('the relay adds the secret to what it forwards, and forwards nothing else', async () => {
  const { ask, sent } = relayTo();
  const response = await ask('token', { ...CODE, resource: 'https://api.test', client_secret: 'of the page' });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN);
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.deepEqual(sent[0].form, { ...CODE, client_secret: CANARY });
  assert.equal(sent[0].redirect, 'manual');
  await ask('token', { grant_type: 'refresh_token', client_id: 'web', refresh_token: 'r' });
  assert.deepEqual(sent[1].form, {
    grant_type: 'refresh_token',
    refresh_token: 'r',
    client_id: 'web',
    client_secret: CANARY,
  });
  await ask('revoke', { client_id: 'web', token: 't' });
  assert.deepEqual([sent[2].url, sent[2].form.token], ['https://id.test/revoke', 't']);
  const basic = relayTo(undefined, { authentication: 'basic', clientSecret: 'a b:ü' });
  await basic.ask('token', CODE);
  assert.equal(basic.sent[0].headers.authorization, `Basic ${btoa('web:a+b%3A%C3%BC')}`);
  assert.equal(basic.sent[0].form.client_secret, undefined);
});

test('the relay refuses everything else before the provider hears of it', async () => {
  const { relay, ask, sent } = relayTo();
  const rows = [
    [await ask('token', { ...CODE, grant_type: 'client_credentials' }), 400],
    [await ask('token', { ...CODE, grant_type: 'password' }), 400],
    [await ask('token', { ...CODE, grant_type: 'revocation', token: 't' }), 400],
    [await ask('token', { ...CODE, grant_type: '__proto__' }), 400],
    [await ask('token', { ...CODE, code_verifier: '' }), 400],
    [await ask('token', { ...CODE, client_id: 'other' }), 400],
    [await ask('token', { ...CODE, redirect_uri: 'https://evil.test/' }), 400],
    [await ask('token', `${new URLSearchParams(CODE)}&code=twice`), 400],
    [await ask('token', 'x'.repeat(20_000)), 413],
    [await ask('token', CODE, { headers: { 'content-type': 'application/json' } }), 415],
    [await ask('token', CODE, { headers: { origin: 'https://evil.test' } }), 403],
    [await ask('elsewhere', CODE), 404],
    [
      await relay(new Request('https://relay.test/r/token', { method: 'POST', body: `${new URLSearchParams(CODE)}` })),
      403,
    ],
    [await relay(new Request('https://relay.test/r/token', { headers: { origin: ORIGIN } })), 405],
  ];
  for (const [index, [response, status]] of rows.entries()) {
    assert.equal(response.status, status, `row ${index}`);
    assert.ok(!(await response.text()).includes(CANARY));
    if (status === 403) assert.equal(response.headers.get('access-control-allow-origin'), null);
  }
  assert.deepEqual(sent, []);
  const preflight = await relay(
    new Request('https://relay.test/r/token', { method: 'OPTIONS', headers: { origin: ORIGIN } }),
  );
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get('access-control-allow-origin'), ORIGIN);
});

test('what a provider does wrong tells the page nothing of the request', async (context) => {
  const log = ['log', 'error', 'warn', 'info'].map((name) => context.mock.method(console, name, () => {}));
  const rows = [
    [() => Promise.reject(new Error(CANARY)), 502],
    [() => new Response(null, { status: 302, headers: { location: 'https://evil.test/' } }), 502],
    [() => new Response(`<p>${CANARY}`), 502],
    [
      () => Response.json({ error: 'invalid_request', error_description: `client_secret=${CANARY}` }, { status: 400 }),
      502,
    ],
    [() => Response.json({ echo: btoa(`web:${CANARY}`) }), 502],
    [() => Response.json({ [CANARY]: 1 }), 502],
    [() => Response.json({ a: [{ b: CANARY }] }), 502],
    [() => new Response(`{"error":"x","error_description":"${escapedAs(CANARY)}"}`, { status: 400 }), 502],
    [() => Response.json({}, { status: 503, headers: { 'retry-after': CANARY } }), 502],
    [() => new Response(JSON.stringify({ x: 'x'.repeat(2_000_000) })), 502],
    [() => Response.json({ error: 'bad_verification_code' }), 400], // as GitHub does
    [() => Response.json({ error: 'invalid_grant' }, { status: 400 }), 400],
    [() => Response.json({}, { status: 503, headers: { 'retry-after': '7' } }), 503],
  ];
  for (const [answer, status] of rows) {
    const response = await relayTo(answer).ask('token', CODE);
    assert.equal(response.status, status);
    assert.ok(!(await response.text()).includes(CANARY));
    if (status === 503) assert.equal(response.headers.get('retry-after'), '7');
  }
  for (const method of log) assert.equal(method.mock.callCount(), 0);
  assert.throws(() => relayTo(undefined, { clientSecret: '' }), TypeError);
  assert.throws(() => relayTo(undefined, { origin: `${ORIGIN}/page` }), TypeError);
  assert.throws(() => relayTo(undefined, { server: undefined }), TypeError);
});

test('the secret goes to an address with TLS alone, or to this machine', async () => {
  const issuer = 'https://id.test';
  const rows = [
    ['https://id.test/token', true],
    ['http://localhost:8080/token', true],
    ['http://127.0.0.1:8080/token', true],
    ['http://[::1]:8080/token', true],
    ['http://id.test/token', false],
    ['http://localhost.id.test/token', false],
    ['http://127.0.0.1.id.test/token', false],
    ['ftp://localhost/token', false],
    ['data:application/json,{}', false],
    ['/token', false],
  ];
  for (const [address, isAllowed] of rows) {
    const members = { issuer, token_endpoint: address, revocation_endpoint: address, jwks_uri: address };
    const asked = [];
    const { ask, relay } = relayTo(undefined, {
      issuer,
      server: undefined,
      fetch: async (url) => {
        asked.push(url);
        return Response.json(asked.length === 1 ? members : {});
      },
    });
    const status = isAllowed ? 200 : 502;
    assert.equal((await ask('token', CODE)).status, status, address);
    assert.equal((await ask('revoke', { client_id: 'web', token: 't' })).status, status, address);
    const keys = await relay(new Request('https://relay.test/r/jwks', { headers: { origin: ORIGIN } }));
    assert.equal(keys.status, status, address);
    const own = `${issuer}/.well-known/openid-configuration`;
    assert.deepEqual(asked, isAllowed ? [own, address, address, address] : [own], address);
    const make = () => relayTo(undefined, { server: { token_endpoint: address } });
    if (isAllowed) make();
    else assert.throws(make, TypeError, address);
  }
  assert.throws(() => relayTo(undefined, { server: undefined, issuer: 'http://id.test' }), /https:/);
});
