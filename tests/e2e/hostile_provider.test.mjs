/** Rows of `tests/cases` that need a browser and a connection, and the most severe of the other rows. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  HOSTILE,
  ON_HOST,
  begin,
  call,
  fresh,
  late,
  outcome,
  play,
  settled,
  signIn,
  signedIn,
} from '../support/cases.mjs';
import { answers, startHostile } from '../support/hostile.mjs';
import { story } from '../support/stage.mjs';
import { startStranger } from '../support/stranger.mjs';

/** Metadata with some members replaced; `undefined` removes a member. */
const metadata = (members) => ({ metadata: (honest) => ({ ...honest, ...members }) });
const token = (members) => ({ token: (honest) => ({ ...honest, ...members }) });
const instead = (place, answer) => ({ instead: { [place]: answer } });
const WELL_KNOWN = '/.well-known/openid-configuration';

/** The valid query with parameters set, or removed with `null`. */
const callback = (members) => ({
  callback: (query) => {
    const parameters = new URLSearchParams(query);
    for (const [name, value] of Object.entries(members))
      value === null ? parameters.delete(name) : parameters.set(name, value);
    return String(parameters);
  },
});

story('DISC P0: metadata of another issuer cause no redirect to a provider', ON_HOST, async (stage) => {
  const { issuer } = stage.provider;
  const rows = [
    ['DISC-01', metadata({ issuer: 'https://evil.test' })],
    ['DISC-02', metadata({ issuer: `${issuer}/` })],
    ['DISC-03', metadata({ issuer: issuer.toUpperCase() })],
    ['DISC-03', metadata({ issuer: `${issuer}%2f` })],
    ['DISC-04', metadata({ issuer: `${issuer}.evil.test` })],
    ['DISC-04', metadata({ issuer: issuer.slice(0, -1) })],
    [
      'DISC-17',
      { metadata: (honest) => JSON.stringify(honest).replace('{', '{"token_endpoint":"https://evil.test/token",') },
    ],
    [
      'DISC-17',
      { metadata: (honest) => JSON.stringify(honest).replace(/}$/, ',"token_endpoint":"https://evil.test/token"}') },
    ],
    [
      'DISC-19',
      {
        metadata: ({ token_endpoint: _, ...honest }) =>
          JSON.stringify(honest).replace('{', '{"__proto__":{"token_endpoint":"https://evil.test/token"},'),
      },
    ],
    ['DISC-35', metadata({ code_challenge_methods_supported: ['plain'] })],
    ['DISC-39', metadata({ id_token_signing_alg_values_supported: ['HS256', 'none'] })],
  ];
  for (const [id, change] of rows) await play(stage, id, change);
  await play(stage, 'DISC-06', {}, { config: { issuer: 'http://as.test' } });
});

story('DISC-11 P0: metadata are not taken from another address', HOSTILE, async (stage) => {
  const evil = await startStranger();
  stage.site.settings.connect.push(evil.url);
  try {
    await play(stage, 'DISC-11', instead(WELL_KNOWN, answers.redirect(302, `${evil.url}conf`)));
    assert.deepEqual(evil.taken, [], 'DISC-11: evil sees no request');
  } finally {
    await evil.close();
  }
});

story('DISC P0: metadata with invalid addresses cause no redirect to a provider', ON_HOST, async (stage) => {
  const rows = [
    ['DISC-27', metadata({ token_endpoint: 'http://as.test/token' })],
    ['DISC-27', metadata({ authorization_endpoint: 'http://as.test/authorize' })],
    ['DISC-28', metadata({ authorization_endpoint: 'javascript:alert(document.domain)//' })],
    ...[
      'data:text/html,x',
      'blob:https://app.test/x',
      'file:///x',
      'https:evil',
      ' javascript:1',
      'java\nscript:1',
    ].map((url) => ['DISC-29', metadata({ authorization_endpoint: url })]),
    ['DISC-33', metadata({ token_endpoint: 'https://user:pw@as.test/token' })],
  ];
  for (const [id, change] of rows) await play(stage, id, change, { poison: ['alert'] });

  for (const url of ['javascript:document.title="evil"', 'http://as.test/x']) {
    await fresh(stage, {}, metadata({ end_session_endpoint: url }));
    assert.equal(await signIn(stage), 'ok', 'DISC-30: the sign-in still works');
    assert.equal(await outcome(stage, 'async () => client.signOut()'), 'url_rejected', 'DISC-30 OUT-07');
    assert.equal(await stage.page.run('async () => client.session'), null, 'OUT-07: SO');
  }
  assert.notEqual(await stage.page.driver.getTitle(), 'evil');
});

story('DISC TOK, the connection: connection failures of a provider are told apart', HOSTILE, async (stage) => {
  const { provider } = stage;
  const config = { timeout: 1500 };
  await play(stage, 'DISC-22', instead(WELL_KNOWN, answers.trickle), { config });
  await play(stage, 'DISC-43', instead(WELL_KNOWN, answers.silence), { config });
  await play(stage, 'DISC-44', instead(WELL_KNOWN, answers.closed), {
    then: async () => assert.match(await stage.page.run('async () => told.problem.hint'), /CORS/, 'DISC-44'),
  });
  await play(stage, 'DISC-21', { metadata: (honest) => ({ ...honest, x: 'x'.repeat(10 << 20) }) });
  await play(stage, 'TOK-34', instead('/token', answers.short));
  await play(stage, 'TOK-38', token({ x: 'x'.repeat(5 << 20) }));
  await play(stage, 'TOK-39', instead('/token', answers.silence), { config });

  const before = provider.count(WELL_KNOWN);
  await fresh(stage);
  const all = await stage.page.run(
    'async () => Promise.all(Array.from({ length: 20 }, () => client.preload())).then((all) => all.length)',
  );
  assert.deepEqual([all, provider.count(WELL_KNOWN) - before], [20, 1], 'DISC-42: RQ1');
});

story(
  'REQ P0: authorization and token requests hold the required parameters, with new random values each time',
  HOSTILE,
  async (stage) => {
    const { page, provider, site } = stage;
    const sent = () => provider.last('/authorize').query;
    const drawn = () => ['state', 'nonce', 'code_challenge'].map((name) => sent().get(name));

    await signedIn(stage);
    const fixed = {
      response_type: 'code',
      client_id: site.settings.config.clientId,
      redirect_uri: site.url,
      scope: 'openid read',
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(fixed))
      assert.deepEqual(sent().getAll(name), [value], `REQ-01: ${name}`);
    for (const name of ['state', 'nonce', 'code_challenge'])
      assert.equal(sent().getAll(name).length, 1, `REQ-01: ${name}`);
    assert.equal(sent().get('code_challenge').length, 43, 'REQ-01');
    for (const name of ['code_verifier', 'client_secret']) assert.ok(!sent().has(name), `REQ-01: ${name}`);

    const before = provider.count('/authorize');
    const targets = [
      'https://evil.test',
      '//evil.test',
      '/\\evil.test',
      '\\\\evil.test',
      '/%09/evil.test',
      '/\t/evil.test',
      'https:evil.test',
      'https://app.test@evil.test',
      'https://app.test.evil.test',
      'javascript:alert(1)',
      '/%5cevil.test',
      '///evil.test',
    ];
    for (const target of targets) {
      assert.equal(
        await outcome(stage, `async () => client.signIn({ returnTo: ${JSON.stringify(target)} })`),
        'config_error',
        `REQ-07: ${target}`,
      );
    }
    assert.equal(provider.count('/authorize'), before, 'REQ-07: NQ');

    await fresh(stage);
    provider.change = callback({ code: null, error: 'server_error' });
    assert.equal(await signIn(stage), 'authorization_error', 'REQ-11');
    const first = drawn();
    provider.change = {};
    assert.equal(await signIn(stage), 'ok', 'REQ-11');
    for (const value of drawn()) assert.ok(!first.includes(value), 'REQ-11: a new value');

    await fresh(stage);
    await page.goto(`${site.url}?state=A&code_verifier=B&nonce=C&session=D`);
    await settled(stage);
    assert.equal(await signIn(stage), 'ok', 'REQ-17');
    const form = provider.last('/token').form;
    for (const value of [...drawn(), form.code_verifier]) assert.ok(value.length > 20, 'REQ-17: all four are set');
  },
);

story('CB P0: authorization responses of another server are refused', HOSTILE, async (stage) => {
  const { issuer } = stage.provider;
  const silent = { authorization_response_iss_parameter_supported: undefined };
  const rows = [
    ['CB-05', { callback: (query) => `${query}&code=evil` }],
    ['CB-05', { callback: (query) => `code=evil&${query}` }],
    ['CB-06', { callback: (query) => `${query}&iss=https://evil.test` }],
    ['CB-06', { callback: (query) => `${query.replace(/code=[^&]+/, 'error=x')}&error=y` }],
    ['CB-07', callback({ iss: null })],
    ['CB-08', callback({ iss: 'https://evil.test' })],
    ['CB-09', callback({ iss: `${issuer}/` })],
    ['CB-09', callback({ iss: issuer.toUpperCase() })],
    ['CB-12', { ...metadata(silent), ...callback({ iss: 'https://evil.test' }) }],
    [
      'CB-15',
      callback({ code: null, error: 'access_denied', error_description: 'text-of-evil', iss: 'https://evil.test' }),
    ],
    ['CB-21', callback({ code: null, error: 'access_denied', error_description: '<img src=x onerror=alert(1)>' })],
    ['CB-23', callback({ error: 'access_denied' })],
  ];
  for (const [id, change] of rows) await play(stage, id, change, { poison: ['text-of-evil', 'onerror'] });
});

story('CB P0: a code is sent unchanged, in time, and only by the client that waits for it', HOSTILE, async (stage) => {
  const { page, provider, site } = stage;
  const { issuer } = provider;
  for (const code of ['a\r\nb', 'a\0b']) await play(stage, 'CB-27', callback({ code }), { kind: 'response_invalid' });

  // The server receives the code exactly as it wrote it.
  for (const code of ['x&scope=admin', 'a+b', 'a b', '%=#']) {
    await fresh(stage);
    provider.change = callback({ code });
    assert.equal(await signIn(stage), 'token_error', 'CB-27: the code is unknown to the server');
    assert.deepEqual(new URLSearchParams(provider.last('/token').body).getAll('code'), [code], 'CB-27');
  }

  await play(stage, 'CB-47', instead('/token', answers.status(400, '{"error":"invalid_grant"}')));

  // A response with another state leaves the pending sign-in usable.
  await fresh(stage);
  let honest;
  provider.change = {
    callback: (query) => (
      (honest = query), query.replace(/(state=[^&]*)([^&])/, (_, state, last) => state + (last === 'A' ? 'B' : 'A'))
    ),
  };
  assert.equal(await signIn(stage), 'state_mismatch', 'CB-02');
  assert.equal(
    provider.requests.findLast(({ place }) => place === '/token' || place === '/authorize').place,
    '/authorize',
    'CB-02: NQ',
  );
  await page.goto(`${site.url}?${honest}`);
  assert.equal(await settled(stage), 'ok', 'CB-02: TX1');

  // Without a pending sign-in the response is ignored, with a session, which another tab keeps alive, and without.
  const [first] = await stage.openBeside();
  await page.driver.switchTo().window(first);
  // A signed-out page fetches the metadata, whatever its address is.
  const requests = () => provider.requests.filter(({ place }) => place !== WELL_KNOWN).length;
  for (const expected of ['ok', 'callback_ignored']) {
    if (expected === 'callback_ignored') await fresh(stage);
    const asked = requests();
    await page.goto(`${site.url}?${new URLSearchParams({ code: 'attackers', state: 'vk.x', iss: issuer })}`);
    assert.equal(await settled(stage), expected, 'CB-41');
    assert.equal(requests(), asked, 'CB-41: NQ');
  }
});

// Uses a worker of the tab: a shared vault that survives holds the transaction itself, with its own clock.
story('CB-39 P0: a response that comes too late is refused', { ...HOSTILE, homes: ['dedicated'] }, async (stage) => {
  const older = `
    const { setItem } = Storage.prototype;
    Storage.prototype.setItem = function (key, value) {
      const started = (record) => JSON.stringify({ ...record, started: record.started - 61 * 60_000 });
      return setItem.call(this, key, key.startsWith('valet-key:tx:') ? started(JSON.parse(value)) : value);
    }`;
  await play(stage, 'CB-39', callback({}), { prepare: older });
});

story('CB P0: two providers are not mixed up', HOSTILE, async (stage) => {
  const { page, provider: honest, site } = stage;
  const evil = await startHostile({ host: '127.0.0.1', origins: [site.origin] });
  site.settings.connect.push(evil.issuer);
  try {
    // The attacker's server redirects the browser to the honest server, which responds with the same state.
    await fresh(stage, { issuer: evil.issuer });
    evil.change = {
      instead: {
        '/authorize': (response) =>
          response.writeHead(302, { location: `${honest.issuer}/authorize?${evil.last('/authorize').query}` }).end(),
      },
    };
    assert.equal(await signIn(stage), 'iss_mismatch', 'CB-43');
    const reached = [evil, honest].flatMap(({ requests }) => requests.filter(({ place }) => place === '/token'));
    assert.deepEqual(reached, [], 'CB-43: NQ VER');
    for (const code of honest.issued.codes) assert.ok(!JSON.stringify(evil.requests).includes(code), 'CB-43: VER');

    // A response with the state of one client reaches the other client.
    let query;
    await fresh(stage);
    honest.change = { callback: (text) => ((query = text), `utm=1`) };
    assert.equal(await signIn(stage), 'callback_ignored');
    evil.change = { callback: () => query };
    site.settings.config = { ...site.settings.config, issuer: evil.issuer };
    await page.goto(site.url);
    await settled(stage);
    assert.equal(await signIn(stage), 'callback_ignored', 'CB-42');
    assert.equal(evil.count('/token'), 0, 'CB-42: NQ');
    assert.equal(await page.url(), site.url, 'CB-42: no response stays in the address');
    site.settings.config = { ...site.settings.config, issuer: honest.issuer };
    await page.goto(`${site.url}?${query}`);
    assert.equal(await settled(stage), 'ok', 'CB-42: TX1');
  } finally {
    await evil.close();
  }
});

story('TOK P0: token responses are parsed strictly', ON_HOST, async (stage) => {
  const { page, provider } = stage;
  await play(
    stage,
    'TOK-01',
    {},
    {
      then: async () => {
        const { method, headers, body, query } = provider.last('/token');
        const names = [...new URLSearchParams(body).keys()];
        assert.deepEqual(names, ['grant_type', 'code', 'redirect_uri', 'client_id', 'code_verifier'], 'TOK-01');
        assert.deepEqual([method, String(query)], ['POST', ''], 'TOK-01');
        assert.match(headers['content-type'], /^application\/x-www-form-urlencoded/, 'TOK-01');
        assert.equal(headers.accept, 'application/json', 'TOK-25');
        for (const name of ['authorization', 'cookie', 'referer'])
          assert.equal(headers[name], undefined, `TOK-01: ${name}`);
      },
    },
  );
  const evil = await startStranger();
  stage.site.settings.connect.push(evil.url);
  const rows = [
    ...['mac', 'N_A', 'Basic'].map((type) => ['TOK-05', token({ token_type: type })]),
    ...['x\r\nX-Evil: 1', 'x y', 'x"y', 'tök', 'x\0'].map((value) => ['TOK-06', token({ access_token: value })]),
    ...[302, 307].map((status) => ['TOK-37', instead('/token', answers.redirect(status, `${evil.url}token`))]),
    ['TOK-37', instead('/token', answers.redirect(307, `${provider.issuer}/elsewhere`))],
    ['TOK-41', token({ id_token: undefined }), 'id_token_invalid'],
    ['TOK-41', token({ id_token: '' }), 'id_token_invalid'],
    ['TOK-41', token({ id_token: {} }), 'response_invalid'],
  ];
  try {
    for (const [id, change, kind, reason] of rows) await play(stage, id, change, { kind, reason });
    assert.deepEqual(evil.taken, [], 'TOK-37: VER');
    assert.equal(provider.count('/elsewhere'), 0, 'TOK-37: the redirect is not followed');
  } finally {
    await evil.close();
  }

  const names = [
    'state',
    'profile',
    'user',
    'claims',
    'expires_at',
    'error_description',
    'then',
    'toJSON',
    'constructor',
  ];
  const strange = Object.fromEntries(names.map((name) => [name, { sub: 'mallory' }]));
  await play(
    stage,
    'TOK-21',
    { token: (honest) => JSON.stringify({ ...honest, ...strange }).replace('{', '{"__proto__":{"sub":"mallory"},') },
    {
      then: async () =>
        assert.doesNotMatch(JSON.stringify(await page.run('async () => client.session')), /mallory/, 'TOK-21'),
    },
  );

  await fresh(stage);
  const held = answers.held();
  provider.change = instead('/token', held.instead);
  const tokens = provider.count('/token');
  await page.run('async () => signIn()').catch(() => {});
  await page.until('the token request', async () => provider.count('/token') > tokens);
  const asked = provider.count('/revoke');
  await page.until('the end', () => page.run('async () => client.signOut().then(() => true)'));
  held.release();
  assert.equal(await settled(stage), 'cancelled', 'TOK-45');
  assert.equal(await call(stage), 'login_required', 'TOK-45: NS');
  assert.equal(provider.count('/revoke'), asked + 2, 'TOK-45: a token response that comes too late is revoked');
});

story('TOK P0: `expires_in` causes neither a refresh loop nor an overflow', HOSTILE, async (stage) => {
  const { provider } = stage;
  await fresh(stage);
  provider.change = { ...token({ expires_in: 0 }), refresh: (honest) => ({ ...honest, expires_in: 0 }) };
  assert.equal(await signIn(stage), 'ok', 'TOK-12');
  for (let calls = 1; calls <= 3; calls += 1) {
    assert.equal(await call(stage), 'ok', 'TOK-12');
    assert.ok(provider.count('refresh') <= calls, 'TOK-12: at most one refresh for each call');
  }
  const before = provider.count('refresh');
  await sleep(1500);
  assert.equal(provider.count('refresh'), before, 'TOK-12: no refresh without a call');

  for (const seconds of [2_592_000, 1e12]) {
    await play(stage, 'TOK-13', token({ expires_in: seconds }), {
      then: async () => {
        await sleep(500);
        assert.equal(await call(stage), 'ok', 'TOK-13');
        assert.equal(provider.count('refresh'), before, 'TOK-13: no timer fires');
      },
    });
  }
});

story('RT P0: a refresh keeps the session, or ends it for a known reason', HOSTILE, async (stage) => {
  const { page, provider } = stage;
  const refresh = (options) => outcome(stage, 'async () => client.refresh()', options);
  const changes = () => page.run('async () => told.changes');
  const sent = (from) =>
    provider.requests
      .slice(from)
      .filter(({ place }) => place === 'refresh')
      .map(({ form }) => form.refresh_token);

  await signedIn(stage);
  let from = provider.requests.length;
  for (let round = 0; round < 3; round += 1) assert.equal(await refresh(), 'ok', 'RT-01');
  assert.equal(new Set(sent(from)).size, 3, 'RT-01: no refresh token is sent twice');

  from = provider.requests.length;
  provider.change = { refresh: ({ refresh_token: _, ...honest }) => honest };
  for (let round = 0; round < 2; round += 1) assert.equal(await refresh(), 'ok', 'RT-02');
  assert.equal(new Set(sent(from)).size, 1, 'RT-02: the old refresh token is used again');

  // A bad connection signs no user out.
  provider.change = instead('refresh', answers.drop);
  for (let round = 0; round < 2; round += 1) assert.equal(await refresh(), 'network_error', 'RT-10');
  provider.change = {};
  assert.equal(await refresh(), 'ok', 'RT-10: works again');
  assert.ok(!(await changes()).includes('ended'), 'RT-10: KS');

  const ends = async (id, expected, change) => {
    await signedIn(stage);
    provider.change = change;
    const [asked, revoked] = [provider.count('refresh'), provider.count('/revoke')];
    assert.equal(await refresh(), expected, id);
    assert.equal(provider.count('refresh'), asked + 1, `${id}: RQ1`);
    assert.deepEqual(await changes(), ['signed_in', 'ended'].slice(-(await changes()).length), `${id}: SO, one event`);
    assert.equal(await page.run('async () => client.session'), null, `${id}: SO`);
    await page.until('the revocation', async () => provider.count('/revoke') === revoked + 2);
    provider.change = {};
    assert.equal(await signIn(stage), 'ok', `${id}: afterwards`);
  };
  await ends('RT-03', 'session_ended', instead('refresh', answers.status(400, '{"error":"invalid_grant"}')));
  await ends('RT-14', 'id_token_invalid', { refreshedClaims: (honest) => ({ ...honest, iss: 'https://evil.test' }) });
  await ends('RT-15', 'id_token_invalid', { refreshedClaims: (honest) => ({ ...honest, aud: ['other'] }) });
  await ends('RT-15', 'id_token_invalid', { refreshedClaims: (honest) => ({ ...honest, azp: 'other' }) });

  // An ID Token is ignored if only claims differ that identify neither the user nor the parties.
  await signedIn(stage);
  const { iat, exp } = await page.run('async () => client.session.claims');
  for (const [what, flaw] of [
    ['aud as a list', ({ aud }) => ({ aud: [aud, 'other'] })],
    ['azp', ({ aud }) => ({ azp: aud })],
    ['a changed clock', () => ({ iat: iat + 3600, exp: exp + 3600 })],
    ['null', () => ({ exp: null, nonce: null })],
  ]) {
    provider.change = { refreshedClaims: (honest) => ({ ...honest, ...flaw(honest) }) };
    assert.equal(await refresh(), 'ok', `RT-36: ${what}`);
    assert.deepEqual(await page.run('async () => client.session.claims.exp'), exp, `RT-36: ${what}: the claims stay`);
  }
  provider.change = {};

  // The server rotated the refresh token, the response was lost, and the server takes the next attempt for a theft.
  await signedIn(stage);
  provider.change = instead('refresh', answers.lose);
  assert.equal(await refresh(), 'network_error', 'RT-09');
  provider.change = {};
  assert.equal(await refresh(), 'session_ended', 'RT-09');
  assert.equal((await changes()).filter((reason) => reason === 'ended').length, 1, 'RT-09: SO, one event');

  // Ten calls with an expired token.
  await fresh(stage);
  provider.change = token({ expires_in: 1 });
  assert.equal(await signIn(stage), 'ok');
  await sleep(1200);
  const before = provider.count('refresh');
  const statuses = await page.run(
    `async () => Promise.all(Array.from({ length: 10 }, () => client.fetch(api + 'me').then(({ status }) => status)))`,
  );
  assert.deepEqual([statuses, provider.count('refresh') - before], [Array(10).fill(200), 1], 'RT-05: RQ1');
  const shown = provider.requests.slice(-10).map(({ headers }) => headers.authorization);
  assert.equal(new Set(shown).size, 1, 'RT-05: all calls use the same token');

  // A sign-out does not wait for a refresh, and the tokens that the refresh brings are revoked.
  await signedIn(stage);
  const held = answers.held();
  provider.change = instead('refresh', held.instead);
  const refreshes = provider.count('refresh');
  await begin(stage, 'async () => client.refresh()');
  await page.until('the refresh request', async () => provider.count('refresh') > refreshes);
  const revoked = provider.count('/revoke');
  assert.equal(await outcome(stage, 'async () => client.signOut()'), 'ok', 'RT-27');
  held.release();
  assert.equal(await late(stage), 'cancelled', 'RT-27');
  await page.until('the revocation', async () => provider.count('/revoke') === revoked + 4);
  assert.deepEqual((await changes()).slice(-1), ['signed_out'], 'RT-27: SO');
  assert.equal(await call(stage), 'login_required', 'RT-27');
});

const TABS = { ...HOSTILE, differs: ['lasting'] };

story('RT P0: tabs share one refresh, even if one tab is closed or another user signs in', TABS, async (stage) => {
  const { page, provider } = stage;
  const { driver } = page;
  await signedIn(stage);
  const [first, second] = await stage.openBeside();

  // Both tabs refresh at the same time: the second gets the result of the first.
  let held = answers.held();
  let before = provider.count('refresh');
  provider.change = instead('refresh', held.instead);
  for (const tab of [first, second]) {
    await driver.switchTo().window(tab);
    await begin(stage, 'async () => client.refresh()');
    await page.run('async () => client.preload()'); // the reply comes after the vault received the refresh call
  }
  await page.until('the refresh request', async () => provider.count('refresh') > before);
  held.release();
  for (const tab of [first, second]) {
    await driver.switchTo().window(tab);
    assert.equal(await late(stage), 'ok', 'RT-04');
    assert.equal(await call(stage), 'ok', 'RT-04: no user is signed out');
  }
  assert.equal(provider.count('refresh') - before, 1, 'RT-04: one request');

  // The tab that started the refresh is closed: the other tabs still get the result.
  held = answers.held();
  before = provider.count('refresh');
  provider.change = instead('refresh', held.instead);
  await begin(stage, 'async () => client.refresh()');
  await page.until('the refresh request', async () => provider.count('refresh') > before);
  await driver.close();
  await driver.switchTo().window(first);
  await begin(stage, 'async () => client.refresh()');
  held.release();
  const outcome = await late(stage);
  // WebKitGTK may end a shared worker together with one of its tabs, and the renewal with it.
  const mayEnd = stage.lacks('lasting');
  if (outcome === 'unexpected' && mayEnd) {
    await page.until('the event', () => page.run(`async () => told.changes.includes('restarted')`));
    assert.equal(await signIn(stage), 'ok', 'RT-07');
  } else assert.equal(outcome, 'ok', 'RT-07: no deadlock');
  assert.ok(provider.count('refresh') - before <= 2, 'RT-07: RQ2 at most');

  // Bob signs in in another tab while the refresh for Alice is pending.
  held = answers.held();
  before = provider.count('refresh');
  provider.change = instead('refresh', held.instead);
  await begin(stage, 'async () => client.refresh()');
  await page.until('the refresh request', async () => provider.count('refresh') > before);
  await stage.openBeside();
  provider.user = 'bob';
  assert.equal(await signIn(stage), 'ok');
  held.release();
  await driver.switchTo().window(first);
  assert.equal(await late(stage), 'cancelled', 'RT-28');
  assert.equal(await page.run('async () => client.session.sub'), 'bob', 'RT-28: KS');
  assert.equal(await call(stage), 'ok', 'RT-28');
});
