/** The testing kit: the provider for tests of apps, and the client for tests of components, beside the real ones. */
import assert from 'node:assert/strict';
import { signedIn } from '../../pkg/testing/index.js';
import { OPEN, codeOf, list } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';
import { testProvider } from '../support/testing_kit.mjs';

const KIT = { provider: testProvider(), everyEngine: true };

/** An app whose client a story can reach. */
const open = (options) => ({ ...OPEN, provider: testProvider(options), everyEngine: true });

/** Signs in with a click, at a provider that asks the user nothing. */
async function signIn({ page, site }, user = 'alice') {
  await page.goto(site.url);
  await page.see('Signed out');
  await page.click('button', 'Sign in');
  await page.see(new RegExp(`Signed in as ${user}`, 'i')); // the demo shows the name
}

/** The error with which an expression of the page rejects: all that an app can read of it. */
const errorOf = ({ page }, expression) =>
  page.run(`async () => {
    const error = await (${expression}).then(() => null, (error) => error);
    return error && { code: error.code, fault: error.fault, hint: error.hint, retryable: error.retryable, oauth: error.oauth?.error };
  }`);

/** What the client of the kit throws, in the same form. */
async function errorOfKit(code, details) {
  const client = signedIn({});
  client.fail(code, details);
  const error = await client.refresh().catch((thrown) => thrown);
  const { fault, hint, retryable, oauth } = error;
  return { code: error.code, fault, hint, retryable, oauth: oauth?.error ?? null };
}

story(
  'the real client signs in, calls, renews and signs out at the test provider',
  { ...KIT, homes: ['shared', 'dedicated', 'page'] },
  async (stage) => {
    const { page, provider, site } = stage;
    await signIn(stage);
    assert.equal(await page.url(), site.url);
    assert.equal(await stage.call('Me'), 200);
    await page.see('"user": "alice"');

    provider.advance(301);
    assert.equal(await stage.call('Me'), 200, 'the client has renewed the token that the API refused');
    assert.deepEqual(
      provider.requests
        .filter(({ endpoint }) => endpoint === 'token')
        .map(({ grantType, status }) => [grantType, status]),
      [
        ['authorization_code', 200],
        ['refresh_token', 200],
      ],
    );

    await page.click('button', 'Sign out');
    await page.see('Signed out');
    await page.until('the sign-out at the provider', () => provider.count('end_session') === 1);
    assert.equal(provider.count('revocation') > 0, true);
    const told = JSON.stringify(provider.requests);
    for (const [label, secret] of provider.issued.secrets()) assert.ok(!told.includes(secret), label);
  },
);

story(
  'a reload restores the session by `prompt=none`, until the test ends it at the provider',
  { ...KIT, homes: ['dedicated', 'page'] },
  async (stage) => {
    const { page, provider } = stage;
    await signIn(stage);
    await page.reload();
    await page.until('the silent trip', () => provider.count('token') === 2);
    await stage.restored('Alice Arden');
    assert.equal(provider.requests.filter(({ prompt }) => prompt === 'none').length, 1);

    provider.endSession('alice');
    await page.reload();
    await page.until(
      'the second silent trip',
      () => provider.requests.filter(({ prompt }) => prompt === 'none').length === 2,
    );
    await page.see('Signed out');
    assert.equal(provider.count('token'), 2);
  },
);

story(
  'a page of the test provider lets the user choose who signs in, or cancel',
  { ...KIT, provider: testProvider({ interactive: true }) },
  async (stage) => {
    const { page, site } = stage;
    await page.goto(site.url);
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await page.find('heading', 'Choose a user');
    await page.see('without a password');
    await page.click('button', 'Cancel');
    await page.find('heading', 'authorization_error');
    await page.see('access_denied');

    await page.click('button', 'Sign in');
    await page.click('button', 'Bob Birch');
    await page.see('Signed in as Bob Birch');
  },
);

story('failures on demand lead to the errors that the kit’s client throws, too', open(), async (stage) => {
  const { page, provider } = stage;
  await signIn(stage);
  const same = async (expression, code, details) => {
    const real = await errorOf(stage, expression);
    assert.deepEqual({ ...real, oauth: real?.oauth ?? null }, await errorOfKit(code, details), code);
  };

  provider.fail('token', { status: 503, retryAfter: 7 });
  await same('client.refresh()', 'server_unavailable');
  provider.fail('token', { network: true });
  await same('client.refresh()', 'network_error');
  provider.fail('token', { status: 200, body: '<p>Proxy</p>', headers: { 'content-type': 'text/html' } });
  await same('client.refresh()', 'not_json');
  provider.fail('userinfo', { status: 500 });
  await same('client.userinfo()', 'server_unavailable');
  await same("client.fetch('https://elsewhere.example.com/')", 'request_blocked');
  provider.fail('authorization', { error: 'access_denied' });
  await same("client.signIn({ mode: 'silent' })", 'authorization_error', { oauth: { error: 'access_denied' } });
  provider.fail('authorization', { error: 'server_error' });
  const refused = await errorOf(stage, "client.signIn({ mode: 'silent' })");
  assert.deepEqual([refused.code, refused.fault, refused.oauth], ['authorization_error', 'server', 'server_error']);

  assert.equal(await page.run('async () => client.session.sub'), 'alice', 'none of them has ended the session');
  provider.revokeAll();
  await same('client.refresh()', 'session_ended');
  await same('client.refresh()', 'login_required');
  await page.run("async () => void (await client.signIn({ mode: 'silent' }))");
  provider.fail('token', { error: 'invalid_scope_or_so' });
  await same('client.refresh()', 'token_error', { oauth: { error: 'invalid_scope_or_so' } });
});

story('a held request goes on when the test lets it, and a delayed one arrives late', open(), async (stage) => {
  const { page, provider } = stage;
  await signIn(stage);
  const release = provider.hold('token');
  const before = provider.count('token');
  await page.run(`async () => {
    globalThis.renewals = 0;
    client.refresh().then(() => (globalThis.renewals += 1));
  }`);
  await page.until('the request', () => provider.count('token') === before + 1);
  assert.equal(await page.run('async () => globalThis.renewals'), 0);
  release();
  await page.until('the response', () => page.run('async () => globalThis.renewals === 1'));

  provider.delay('userinfo', 300);
  const took = await page.run(`async () => {
    const began = performance.now();
    await client.userinfo();
    return performance.now() - began;
  }`);
  assert.ok(took >= 290, `${took} ms`);
});

story('an expired refresh token, a login that is too old, and other keys', open(), async (stage) => {
  const { page, provider } = stage;
  await signIn(stage);
  await provider.rotateKeys({ keepOld: false });
  assert.equal(await page.run("async () => (await client.signIn({ mode: 'silent' })).sub"), 'alice');

  provider.advance(120);
  const age = await page.run(`async () => {
    const { authTime } = await client.signIn({ mode: 'silent' });
    return Date.now() / 1000 - authTime;
  }`);
  assert.ok(age >= 120, `${age} seconds`);
  const refused = await errorOf(stage, "client.signIn({ mode: 'silent', maxAge: 60 })");
  assert.deepEqual([refused.code, refused.oauth], ['login_required', 'login_required']);

  provider.advance(provider.settings.refreshTokenSeconds);
  assert.equal((await errorOf(stage, 'client.refresh()')).code, 'session_ended');
});

story(
  'the API of the test provider checks the access token before the test’s handler responds',
  open(),
  async (stage) => {
    const { provider, page } = stage;
    list(stage, provider.apiUrl);
    provider.api((request, { sub, scope }) =>
      Response.json({
        user: sub,
        scope,
        path: new URL(request.url).pathname,
        role: provider.users.find((one) => one.sub === sub).role,
      }),
    );
    await signIn(stage);
    const text = await page.run('async (url) => (await client.fetch(url + "me?page=2")).text()', provider.apiUrl);
    assert.deepEqual(JSON.parse(text), {
      user: 'alice',
      scope: 'openid profile photos notes:write',
      path: '/api/me',
      role: 'admin',
    });
    assert.equal(await page.run('async (url) => (await fetch(url)).status', provider.apiUrl), 401);
    provider.fail('api', { status: 500 });
    assert.equal(await codeOf(stage, JSON.stringify(provider.apiUrl)), '500');
    assert.equal(await codeOf(stage, JSON.stringify(provider.apiUrl)), '200');
  },
);

story('a user signs in on another device at the test provider', open(), async (stage) => {
  const { page, provider } = stage;
  await page.goto(stage.site.url);
  await page.see('Signed out');
  const userCode = await page.run(`async () => {
    const device = await client.signIn({ mode: 'device' });
    device.session.then(({ sub }) => (globalThis.deviceUser = sub));
    return device.userCode;
  }`);
  provider.finishDevice(userCode, 'bob');
  await page.until('the session', () => page.run("async () => globalThis.deviceUser === 'bob'"));
});

const IN_SERVICE_WORKER = {
  '/www/sw.js': `
    import { createTestProvider } from '../pkg/testing/index.js';
    const issuer = new URL('provider', location).href;
    const provider = createTestProvider({ issuer, users: [{ sub: 'alice' }] });
    provider.api((request, { sub }) => Response.json({ user: sub }));
    addEventListener('install', () => skipWaiting());
    addEventListener('activate', (event) => event.waitUntil(clients.claim()));
    addEventListener('fetch', (event) => {
      if (event.request.url.startsWith(issuer)) event.respondWith(provider.fetch(event.request));
    });
  `,
  '/www/app.js': `
    import { createClient } from '../pkg/index.js';
    const isControlled = new Promise((done) => (navigator.serviceWorker.oncontrollerchange = done));
    await navigator.serviceWorker.register('sw.js', { type: 'module' });
    if (!navigator.serviceWorker.controller) await isControlled;
    const issuer = new URL('provider', location).href;
    const api = issuer + '/api/';
    const client = createClient({ issuer, clientId: 'spa', scope: 'openid', api: [api], tokens: 'page', allowLoopbackHttp: true });
    const show = (text) => (document.getElementById('state').textContent = text);
    document.getElementById('sign-in').hidden = false;
    document.getElementById('sign-in').onclick = () => client.signIn();
    const session = await client.start();
    if (session) show('Signed in: ' + JSON.stringify(await (await client.fetch(api + 'me')).json()));
    else show('Signed out');
  `,
};

story(
  'the test provider runs in a service worker of the site, so that the app needs no server at all',
  { scripts: IN_SERVICE_WORKER, homes: ['page'], everyEngine: true },
  async (stage) => {
    const { page, provider, api, site } = stage;
    await page.goto(site.url);
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await page.see('Signed in: {"user":"alice"}');
    assert.equal(await page.url(), site.url);
    assert.deepEqual([provider.requests, api.requests], [[], []]);
  },
);

/**
 * Plays a script with a client: what it returns and throws, and which events it dispatches. Only the members of a session and the types of
 * their values count where a provider decides the values.
 */
const SCRIPT = `async (client, url, { refuse, revoke, decline, nextUser }) => {
  const log = [];
  const shape = (session) => session && {
    sub: session.sub,
    name: session.claims.name,
    scope: session.scope,
    members: Object.entries(session).map(([name, value]) => name + ': ' + (value === null ? 'null' : typeof value)).sort(),
    isFrozen: Object.isFrozen(session) && Object.isFrozen(session.claims),
    claims: Object.keys(session.claims).filter((name) => !['at_hash', 'nonce', 'sid'].includes(name)).sort(),
    hasIss: session.claims.iss === session.issuer,
  };
  client.addEventListener('change', (event) => log.push(['change', event.reason, shape(event.session), event.session === client.session]));
  const step = async (label, act) => {
    try {
      const value = await act();
      log.push([label, value instanceof Response ? value.status : value && 'claims' in value ? shape(value) : value]);
    } catch (error) {
      const { name, code, fault, hint, retryable } = error;
      log.push([label, { name, code, fault, hint, retryable, isError: error instanceof Error }]);
    }
    log.push(['session', shape(client.session)]);
  };
  await step('start', () => client.start());
  await step('start again', () => client.start());
  await step('refresh', () => client.refresh());
  await step('userinfo', () => client.userinfo());
  await step('userinfo of another user', () => client.userinfo({ sub: 'bob' }));
  await step('fetch', () => client.fetch(url));
  await refuse();
  await step('fetch with a token that the API refuses', () => client.fetch(url));
  await step('fetch elsewhere', () => client.fetch('https://elsewhere.example.com/'));
  await step('fetch with credentials', () => client.fetch(url, { headers: { authorization: 'Bearer x' } }));
  await step('fetch with manual redirects', () => client.fetch(url, { redirect: 'manual' }));
  await step('fetch that is aborted', () => client.fetch(url, { signal: AbortSignal.abort() }));
  await step('accessToken', () => client.accessToken());
  await step('publicKey', () => client.publicKey());
  await step('preload', () => client.preload());
  await step('a silent sign-in of the same user', () => client.signIn({ mode: 'silent' }));
  await revoke();
  await step('refresh after the end', () => client.refresh());
  await step('refresh without a session', () => client.refresh());
  await step('a silent sign-in', () => client.signIn({ mode: 'silent' }));
  await step('revoke', () => client.revoke());
  await step('fetch without a session', () => client.fetch(url));
  await step('userinfo without a session', () => client.userinfo());
  await step('a second silent sign-in', () => client.signIn({ mode: 'silent' }));
  await decline();
  await step('a silent sign-in that the provider declines', () => client.signIn({ mode: 'silent' }));
  await nextUser();
  await step('a silent sign-in of another user', () => client.signIn({ mode: 'silent' }));
  await step('the sign-in of another user', () => client.signIn({ mode: 'silent' }));
  await step('sign-out', () => client.signOut({ everywhere: false }));
  return log;
}`;

/** The address at which another app lets a user sign in at the provider, in the same browser. */
const signInOf = ({ issuer }, user) =>
  `${issuer}/authorize?${new URLSearchParams({
    client_id: 'another',
    redirect_uri: `${issuer}/jwks`, // any page that exists
    response_type: 'code',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
    prompt: 'login',
    login_hint: user,
  })}`;

/** Runs in the page: loads an address in a frame. */
const IN_FRAME = `async (url) => {
  const frame = document.createElement('iframe');
  const loaded = new Promise((done) => (frame.onload = done));
  frame.src = url;
  document.body.append(frame);
  await loaded;
  frame.remove();
}`;

story('the kit’s client behaves as the real one does', open(), async (stage) => {
  const { page, provider } = stage;
  list(stage, provider.apiUrl);
  provider.api(() => new Response('{}'));
  await signIn(stage);
  // The page asks the test to do something at the provider, and waits until it is done.
  const atProvider = {
    refuse: () => provider.fail('api', { status: 401 }),
    revoke: () => provider.revokeAll(),
    decline: () => provider.fail('authorization', { error: 'login_required' }),
    nextUser: () => page.run(IN_FRAME, signInOf(provider, 'bob')),
  };
  await page.run(
    `async (url, names) => {
    const ask = (name) => () => {
      globalThis.asks = name;
      return new Promise((done) => (globalThis.go = done));
    };
    const asked = Object.fromEntries(names.map((name) => [name, ask(name)]));
    globalThis.played = (${SCRIPT})(client, url, asked).then((log) => JSON.stringify(log));
  }`,
    `${provider.apiUrl}me`,
    Object.keys(atProvider),
  );
  for (const [name, act] of Object.entries(atProvider)) {
    await page.until(name, () => page.run('async (name) => globalThis.asks === name', name));
    await act();
    await page.run('async () => void globalThis.go(delete globalThis.asks)');
  }
  const real = JSON.parse(await page.run('async () => globalThis.played'));

  let isRefused = false;
  const client = signedIn(
    { sub: 'alice', name: 'Alice Arden', role: 'admin' },
    {
      api: [provider.apiUrl],
      scope: 'openid profile photos notes:write',
      fetch: () => {
        const status = isRefused ? 401 : 200;
        isRefused = false;
        return new Response('{}', { status });
      },
    },
  );
  const kit = await new Function(`return (${SCRIPT})`)()(client, `${provider.apiUrl}me`, {
    refuse: async () => (isRefused = true),
    revoke: async () => client.fail('session_ended'),
    decline: async () => client.fail('login_required'),
    nextUser: async () => client.signInNext({ sub: 'bob', name: 'Bob Birch' }),
  });
  assert.deepEqual(JSON.parse(JSON.stringify(kit)), real);
  const reasons = real.filter(([what]) => what === 'change').map(([, reason]) => reason);
  assert.deepEqual(new Set(reasons), new Set(['renewed', 'restored', 'ended', 'user_changed', 'signed_out']));
});
